/** Every expected failure of the two programs. `grpc-status.ts` places each one on the wire. */
export type ErrorCode =
  | 'INVALID_REQUEST'
  | 'INVALID_SPIFFE_ID'
  | 'INVALID_CONFIG'
  | 'UNAUTHENTICATED'
  | 'NOT_AUTHORIZED'
  | 'NO_IDENTITY_ISSUED'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'KEYSET_TRANSITION_REFUSED'
  | 'VERSION_MISMATCH'
  | 'CONCURRENT_MUTATION'
  | 'LIMIT_REACHED'
  | 'DEADLINE_EXCEEDED'
  | 'UNAVAILABLE'
  | 'CANNOT_ISSUE'
  | 'KEY_SERVICE_UNAVAILABLE'
  | 'KEY_SERVICE_REFUSED'
  | 'STORE_FAILED'
  | 'STORE_CORRUPT'
  | 'CLOCK_WENT_BACK'
  | 'UNIMPLEMENTED';

/** An expected failure. `message` may be shown to the caller, so it holds no secret and no internals; `cause` is for our logs only. */
export class SpirlError extends Error {
  readonly code: ErrorCode;
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SpirlError';
    this.code = code;
  }
}

/** True for an expected failure with one of the given codes. */
export function hasCode(error: unknown, ...codes: readonly ErrorCode[]): error is SpirlError {
  return error instanceof SpirlError && codes.includes(error.code);
}
