import { constants, type IncomingHttpHeaders } from 'node:http2';
import { codeName, status } from '../grpc-code.js';

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

/** No connection, or none any more; a reason that is a failure already stays one. */
export function unavailable(cause: unknown): RpcFailure {
  if (cause instanceof RpcFailure) return cause;
  return new RpcFailure(status.UNAVAILABLE, reasonOf(cause), { cause });
}

/** Codes as gRPC's protocol over HTTP/2 places them; the others are INTERNAL. */
const BY_RESET: Readonly<Record<number, status>> = {
  [constants.NGHTTP2_REFUSED_STREAM]: status.UNAVAILABLE,
  [constants.NGHTTP2_CANCEL]: status.CANCELLED,
  [constants.NGHTTP2_ENHANCE_YOUR_CALM]: status.RESOURCE_EXHAUSTED,
  [constants.NGHTTP2_INADEQUATE_SECURITY]: status.PERMISSION_DENIED,
};

/** A stream that ended without a status. */
export function resetFailure(rstCode: number, cause: unknown): RpcFailure {
  const details = cause === undefined ? `the stream was reset (${rstCode})` : reasonOf(cause);
  const unseen = rstCode === constants.NGHTTP2_REFUSED_STREAM;
  return new RpcFailure(BY_RESET[rstCode] ?? status.INTERNAL, details, { unseen, cause });
}

/** What stands for a status in an answer of somebody who knows no gRPC; the others are UNKNOWN. */
const BY_HTTP_STATUS: Readonly<Record<number, status>> = {
  400: status.INTERNAL,
  401: status.UNAUTHENTICATED,
  403: status.PERMISSION_DENIED,
  404: status.UNIMPLEMENTED,
  429: status.UNAVAILABLE,
  502: status.UNAVAILABLE,
  503: status.UNAVAILABLE,
  504: status.UNAVAILABLE,
};

/** Undefined when the headers begin a gRPC answer. */
export function withoutGrpc(headers: IncomingHttpHeaders): RpcFailure | undefined {
  const httpStatus = Number(headers[':status']);
  const type = headers['content-type'] ?? 'no type';
  if (httpStatus === 200 && /^application\/grpc(?:[+;]|$)/.test(type)) return undefined;
  const code = BY_HTTP_STATUS[httpStatus] ?? status.UNKNOWN;
  return new RpcFailure(code, `no gRPC answer: HTTP ${httpStatus}, ${type}`);
}

/** The status in the trailers, or in headers that are all there is. Undefined for OK. */
export function statusOf(trailers: IncomingHttpHeaders): RpcFailure | undefined {
  const text = String(trailers['grpc-status'] ?? 'none');
  const code = /^\d{1,2}$/.test(text) ? Number(text) : status.UNKNOWN;
  if (code === status.OK) return undefined;
  return new RpcFailure(codeName(code) === 'UNKNOWN' ? status.UNKNOWN : code, plain(trailers['grpc-message']));
}

/** Percent-encoded; text that is not is taken as it stands. */
function plain(message: string | string[] | undefined): string {
  const text = String(message ?? '');
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Of several addresses tried, each has its reason. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join('; ');
  return error instanceof Error ? error.message : String(error);
}
