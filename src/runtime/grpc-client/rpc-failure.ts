import { constants } from 'node:http2';
import { status } from '../grpc-code.js';

/** A call that did not end well: what the server said, or what kept its answer away. */
export class RpcFailure extends Error {
  readonly code: number;
  /** The server's sentence, or ours. For logs when it did not come from the server. */
  readonly details: string;
  /** The server has certainly not begun it: the same call may be made again. */
  readonly unseen: boolean;

  constructor(code: number, details: string, options: { readonly unseen?: boolean; readonly cause?: unknown } = {}) {
    super(details, { cause: options.cause });
    this.name = 'RpcFailure';
    this.code = code;
    this.details = details;
    this.unseen = options.unseen ?? false;
  }
}

/** No connection, or none any more. */
export function unavailable(cause: unknown): RpcFailure {
  return new RpcFailure(status.UNAVAILABLE, reasonOf(cause), { cause });
}

/** A stream that ended without a status; codes as gRPC's protocol over HTTP/2 places them. */
export function resetFailure(rstCode: number, cause: unknown): RpcFailure {
  const details = cause === undefined ? `the stream was reset (${rstCode})` : reasonOf(cause);
  if (rstCode === constants.NGHTTP2_REFUSED_STREAM) {
    return new RpcFailure(status.UNAVAILABLE, details, { unseen: true, cause });
  }
  const codes: Readonly<Record<number, number>> = {
    [constants.NGHTTP2_NO_ERROR]: status.UNAVAILABLE,
    [constants.NGHTTP2_CANCEL]: status.UNAVAILABLE,
    [constants.NGHTTP2_ENHANCE_YOUR_CALM]: status.RESOURCE_EXHAUSTED,
    [constants.NGHTTP2_INADEQUATE_SECURITY]: status.PERMISSION_DENIED,
  };
  return new RpcFailure(codes[rstCode] ?? status.INTERNAL, details, { cause });
}

/** Of several addresses tried, each has its reason. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join('; ');
  return error instanceof Error ? error.message : String(error);
}
