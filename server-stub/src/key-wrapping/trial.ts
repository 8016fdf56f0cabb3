import { randomBytes } from 'node:crypto';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { DEK_BYTES, type Wrapper } from './wrapper.js';

/**
 * Wraps and unwraps a data key that is used for nothing, so that a key which cannot do both is found at the start and not at the
 * first rotation. Throws what the wrapper throws, or KEY_SERVICE_REFUSED.
 */
export async function tryWrapping(wrapper: Wrapper, deploymentId: string, signal: AbortSignal): Promise<void> {
  const context = { deploymentId, record: 'start-up check' };
  const dek = randomBytes(DEK_BYTES);
  const wrapped = await wrapper.wrap(dek, context, signal);
  const unwrapped = await wrapper.unwrap(wrapped, context, signal);
  if (unwrapped.equals(dek) && !Buffer.from(wrapped.bytes).includes(dek)) return;
  throw new SpirlError(
    'KEY_SERVICE_REFUSED',
    `${wrapper.name} with key ${wrapper.kek} does not give back what it wrapped`,
  );
}
