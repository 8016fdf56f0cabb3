import type { Clock } from 'spirl-agent/runtime/clock.js';
import { withDeadline } from 'spirl-agent/runtime/deadline.js';
import { hasCode, SpirlError } from 'spirl-agent/runtime/errors.js';

/** A key service that is well answers in milliseconds; this leaves room for the retries of its client. */
export const CALL_LIMIT_MS = 10_000;

/** One call to a key service. KEY_SERVICE_UNAVAILABLE naming `what` (service, action, key) when it takes longer than 10 s. */
export async function boundedCall<T>(
  what: string,
  call: (signal: AbortSignal) => Promise<T>,
  clock: Clock,
  signal: AbortSignal,
): Promise<T> {
  const late = `${what}: no answer within ${CALL_LIMIT_MS / 1000} s`;
  try {
    return await withDeadline(call, CALL_LIMIT_MS, late, clock, signal);
  } catch (error) {
    if (signal.aborted || !hasCode(error, 'DEADLINE_EXCEEDED')) throw error;
    throw new SpirlError('KEY_SERVICE_UNAVAILABLE', error.message, { cause: error });
  }
}
