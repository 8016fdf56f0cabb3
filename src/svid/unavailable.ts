import { hasCode, SpirlError } from '../runtime/errors.js';

/** The server said that there is no such identity: the only failure that takes one away. */
export function isDenied(error: unknown): error is SpirlError {
  return hasCode(error, 'NO_IDENTITY_ISSUED');
}

/** What a workload is told of a failure: denials and what is wrong with its request as they are, all else as UNAVAILABLE. */
export function shownToWorkload(error: unknown): SpirlError {
  if (hasCode(error, 'NO_IDENTITY_ISSUED', 'INVALID_REQUEST', 'LIMIT_REACHED')) return error;
  const sentence = 'no SVID can be issued at the moment: the trust-domain server is not available';
  return new SpirlError('UNAVAILABLE', sentence, { cause: error });
}
