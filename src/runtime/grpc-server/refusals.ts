import { SpirlError } from '../errors.js';
import { headerBlock } from '../http2/header-block.js';
import type { Http2Stream } from '../http2/stream.js';
import { wireError } from '../wire-error.js';
import { failureBlock } from './answer-blocks.js';

/** Answers what is no call of a method, with HTTP's status alone. */
export function refuseHttp(stream: Http2Stream, httpStatus: number): void {
  stream.end(headerBlock([[':status', String(httpStatus)]]));
}

/** Of a path that a refusal repeats, in characters: the answer to a short request is a short one. */
const MAX_PATH = 256;

/** Answers a call of a method that does not exist, in gRPC's words. */
export function refuseUnknown(stream: Http2Stream, path: string): void {
  const unknown = new SpirlError(
    'UNIMPLEMENTED',
    `The server does not implement the method ${path.slice(0, MAX_PATH)}`,
  );
  const { code, details } = wireError(unknown, () => {});
  stream.end(failureBlock(false, code, details));
}
