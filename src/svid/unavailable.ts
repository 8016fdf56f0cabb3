import { hasCode, SpirlError } from '../runtime/errors.js';

/** The server said that there is no such identity: the only failure that takes one away. */
export function isDenied(error: unknown): error is SpirlError {
  return hasCode(error, 'NO_IDENTITY_ISSUED');
}

/** What a workload is told of a failure: denials and what is wrong with its request as they are, all else as UNAVAILABLE. */
export function shownToWorkload(error: unknown): SpirlError {
  if (hasCode(error, 'NO_IDENTITY_ISSUED', 'INVALID_REQUEST', 'LIMIT_REACHED')) return error;
  // Why it cannot (a key service that is away, a clock that is wrong) is the operator's to know.
  const answered = hasCode(error, 'CANNOT_ISSUE');
  return notNow(`the trust-domain server is ${answered ? 'reached, but cannot sign' : 'not available'}`, error);
}

/** What a workload is told when its SVID ends and no renewal has succeeded, whatever stood in the way. */
export function neverRenewed(): SpirlError {
  return notNow('the SVID has expired, and no renewal has succeeded');
}

function notNow(why: string, cause?: unknown): SpirlError {
  return new SpirlError('UNAVAILABLE', `no SVID can be issued at the moment: ${why}`, { cause });
}
