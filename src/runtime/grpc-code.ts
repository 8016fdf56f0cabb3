/**
 * gRPC's status codes, named as everywhere. Written out here, so that a program which only serves or calls over `node:http2` loads no
 * gRPC library for sixteen numbers.
 */
export const status = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

export type status = (typeof status)[keyof typeof status];

const NAMES: ReadonlyMap<number, string> = new Map(Object.entries(status).map(([name, code]) => [code, name]));

/** `PERMISSION_DENIED` for 7; a number that is no code, which a peer may send, is UNKNOWN. */
export function codeName(code: number): string {
  return NAMES.get(code) ?? 'UNKNOWN';
}
