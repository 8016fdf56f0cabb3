import type { ErrorCode } from './errors.js';
import { codeName, status } from './grpc-code.js';

/** Where each expected failure stands on the wire. A new `ErrorCode` does not compile until it is placed here. */
export const GRPC_STATUS = {
  INVALID_REQUEST: status.INVALID_ARGUMENT,
  INVALID_SPIFFE_ID: status.INVALID_ARGUMENT,
  INVALID_CONFIG: status.INVALID_ARGUMENT,
  UNAUTHENTICATED: status.UNAUTHENTICATED,
  NOT_AUTHORIZED: status.PERMISSION_DENIED,
  NO_IDENTITY_ISSUED: status.PERMISSION_DENIED,
  NOT_FOUND: status.NOT_FOUND,
  ALREADY_EXISTS: status.ALREADY_EXISTS,
  KEYSET_TRANSITION_REFUSED: status.FAILED_PRECONDITION,
  VERSION_MISMATCH: status.FAILED_PRECONDITION,
  CONCURRENT_MUTATION: status.INTERNAL,
  LIMIT_REACHED: status.RESOURCE_EXHAUSTED,
  DEADLINE_EXCEEDED: status.DEADLINE_EXCEEDED,
  UNAVAILABLE: status.UNAVAILABLE,
  CANNOT_ISSUE: status.UNAVAILABLE,
  KEY_SERVICE_UNAVAILABLE: status.UNAVAILABLE,
  KEY_SERVICE_REFUSED: status.FAILED_PRECONDITION,
  STORE_FAILED: status.UNAVAILABLE,
  STORE_CORRUPT: status.DATA_LOSS,
  CLOCK_WENT_BACK: status.UNAVAILABLE,
  UNIMPLEMENTED: status.UNIMPLEMENTED,
} as const satisfies Record<ErrorCode, status>;

/** Go's name of a gRPC code (`OK`, `PermissionDenied`, ...), as the `status_code` and `grpc_code` labels spell it. */
export function statusName(code: number): string {
  if (code === status.OK) return 'OK';
  // Go spells it with one l, and dashboards tell it from a failure by that.
  if (code === status.CANCELLED) return 'Canceled';
  const words = codeName(code).toLowerCase().split('_');
  return words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
}
