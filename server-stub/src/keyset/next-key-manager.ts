import { withDeadline } from 'spirl-agent/runtime/deadline.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import type { Ring } from '../domain/keyset.js';
import type { KeysetParts } from './keyset-parts.js';
import { SEALED } from './load-keys.js';

const LIMIT_MS = 30_000;

/** Asks once for the key manager of the next keyset, where the ring has no key in it yet, so that what is wrong is told before a rotation needs it. */
export async function tryNextKeyManager(
  ring: Ring,
  { keyManagers, clock, logger }: Pick<KeysetParts, 'keyManagers' | 'clock' | 'logger'>,
  signal: AbortSignal,
): Promise<void> {
  try {
    const { custody, manager } = await keyManagers.next();
    if (custody === SEALED || ring.keysets.some((keyset) => keyset.custody === custody)) return;
    const late = `key manager ${custody} did not answer within ${LIMIT_MS / 1000} s`;
    await withDeadline((inTime) => manager.listKeys(inTime), LIMIT_MS, late, clock, signal);
  } catch (error) {
    if (signal.aborted || !(error instanceof SpirlError)) throw error;
    logger.warn('The configured key manager cannot be used; the next key set needs it', { error: error.message });
  }
}
