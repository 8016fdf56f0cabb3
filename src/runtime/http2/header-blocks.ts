import { ConnectionError, ErrorCode, Flag } from './frame.js';
import { HpackDecoder } from './hpack-decoder.js';
import { requireOwnParent, unpadded } from './payload.js';
import { RequestHeaders } from './request-headers.js';

/** Compressed; more than any request needs. */
const MAX_BLOCK_BYTES = 64 * 1024;
/** A block of that length fills four frames; many tiny ones would cost more to keep than their bytes. */
const MAX_FRAGMENTS = 16;
const PRIORITY_BYTES = 5;

/** A whole header block, still compressed. */
export interface HeaderBlock {
  readonly stream: number;
  readonly endStream: boolean;
  readonly bytes: Buffer;
}

/** Puts header blocks together from HEADERS and CONTINUATION frames, of one stream at a time (RFC 9113, 4.3), and decodes them. */
export class HeaderBlocks {
  readonly #decoder = new HpackDecoder();
  #fragments: Buffer[] = [];
  #bytes = 0;
  #endStream = false;
  /** Stream of the block under way; 0 for none. */
  #stream = 0;

  /** Whether only a CONTINUATION of `stream` may come, or nothing is under way. */
  allows(isContinuation: boolean, stream: number): boolean {
    return this.#stream === 0 ? !isContinuation : isContinuation && stream === this.#stream;
  }

  /** A HEADERS frame; `undefined` while the block is not complete. */
  begin(flags: number, stream: number, payload: Buffer): HeaderBlock | undefined {
    let fragment = unpadded(flags, payload);
    if ((flags & Flag.PRIORITY) !== 0) {
      if (fragment.length < PRIORITY_BYTES) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, 'HEADERS');
      requireOwnParent(fragment, stream);
      fragment = fragment.subarray(PRIORITY_BYTES);
    }
    this.#stream = stream;
    this.#endStream = (flags & Flag.END_STREAM) !== 0;
    return this.continue(flags, fragment);
  }

  continue(flags: number, fragment: Buffer): HeaderBlock | undefined {
    this.#fragments.push(fragment);
    this.#bytes += fragment.length;
    if (this.#bytes > MAX_BLOCK_BYTES || this.#fragments.length > MAX_FRAGMENTS) {
      throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, 'a header block too long');
    }
    if ((flags & Flag.END_HEADERS) === 0) return undefined;
    const bytes = this.#fragments.length === 1 ? fragment : Buffer.concat(this.#fragments);
    const block = { stream: this.#stream, endStream: this.#endStream, bytes };
    [this.#fragments, this.#bytes, this.#stream] = [[], 0, 0];
    return block;
  }

  /** Every block has to be decoded, also that of a request nobody serves: each may change the table of those after it. */
  decode({ bytes }: HeaderBlock, trailers: boolean): RequestHeaders {
    const headers = new RequestHeaders(trailers);
    this.#decoder.decode(bytes, (name, value) => headers.add(name, value));
    return headers;
  }
}
