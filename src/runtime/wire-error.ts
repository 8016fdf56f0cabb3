import { SpirlError } from './errors.js';
import { status } from './grpc-code.js';
import { GRPC_STATUS } from './grpc-status.js';

/** Told of errors that nobody expected; the peer only sees `internal error`. */
export type OnUnexpected = (error: unknown) => void;

interface WireError {
  readonly code: status;
  readonly details: string;
}

/** Expected failures keep their code and sentence; everything else is reported here and told as nothing but INTERNAL. */
export function wireError(error: unknown, onUnexpected: OnUnexpected): WireError {
  if (error instanceof SpirlError) return { code: GRPC_STATUS[error.code], details: onOneHeader(error.message) };
  onUnexpected(error);
  return { code: status.INTERNAL, details: 'internal error' };
}

/** Longer sentences might not fit the header list that a client accepts, and would then arrive as another error. */
const MAX_DETAILS = 8_192;

/** A half of a surrogate pair cannot be percent-encoded: the call would fail while it ends. */
function onOneHeader(text: string): string {
  return text.slice(0, MAX_DETAILS).replace(/\p{Surrogate}/gu, '\uFFFD');
}
