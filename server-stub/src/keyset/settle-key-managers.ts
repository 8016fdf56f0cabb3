import type { Clock } from 'spirl-agent/runtime/clock.js';
import type { Ring } from '../domain/keyset.js';
import type { KeyManagers } from './keyset-parts.js';

/** Longer than releasing the key of a keyset that was removed usually takes. */
const INTERVAL_MS = 60_000;

export interface SettleKeyManagersParts {
  readonly keyManagers: KeyManagers;
  readonly ring: () => Ring;
  readonly clock: Clock;
}

/** Lets new settings of key managers count and ends sessions with those that the ring needs no more, until `signal` aborts. */
export async function settleKeyManagers(
  { keyManagers, ring, clock }: SettleKeyManagersParts,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await clock.sleep(INTERVAL_MS, signal);
    await keyManagers.settle(ring().keysets);
  }
}
