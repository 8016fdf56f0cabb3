import { status } from '../grpc-code.js';
import { MESSAGE_ENCODINGS } from '../grpc-frame.js';
import { headerBlock } from '../http2/header-block.js';

const RESPONSE = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
  ['grpc-accept-encoding', MESSAGE_ENCODINGS],
] as const;
/** Begins an answer. */
export const RESPONSE_BLOCK = headerBlock(RESPONSE);
/** Ends one that has begun. */
export const OK_BLOCK = headerBlock([['grpc-status', String(status.OK)]]);

/** Ends an answer that has begun, or is all there is of it. */
export function failureBlock(begun: boolean, code: status, details: string): Buffer {
  return headerBlock([...(begun ? [] : RESPONSE), ...trailers(code, details)]);
}

type Field = readonly [name: string, value: string];

function trailers(code: status, details: string): Field[] {
  const sent: Field[] = [['grpc-status', String(code)]];
  if (details !== '') sent.push(['grpc-message', escaped(details)]);
  return sent;
}

/** Of a status message, percent-encoded: with it the trailers fit into one frame, and into the header list that clients accept. */
const MAX_MESSAGE_BYTES = 8_192;

/** Percent-encoding of everything but printable ASCII, as gRPC asks for. */
function escaped(details: string): string {
  const text = details.replace(/[^\x20-\x24\x26-\x7e]+/g, encodeURIComponent);
  if (text.length <= MAX_MESSAGE_BYTES) return text;
  const part = details.slice(0, details.length * (MAX_MESSAGE_BYTES / text.length) - 1);
  // A cut through a surrogate pair leaves a half, which cannot be encoded.
  return escaped(part.replace(/\p{Surrogate}/gu, ''));
}
