import { ConnectionError, ErrorCode, FRAME_HEADER_BYTES, MAX_FRAME_BYTES } from './frame.js';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const NOTHING = Buffer.alloc(0);

/** Told of each frame as it is complete; `payload` is a view of what was read. */
export interface FrameSink {
  frame(type: number, flags: number, stream: number, payload: Buffer): void;
}

/** Cuts what a client sends into frames (RFC 9113, 3.4 and 4.1). Keeps no more than one unfinished frame. */
export class FrameReader {
  #rest: Buffer = NOTHING;
  #opened = false;
  #stopped = false;

  /** Throws PROTOCOL_ERROR when the client does not begin as one of HTTP/2, FRAME_SIZE_ERROR for a frame that is too long. */
  push(chunk: Buffer, sink: FrameSink): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    if (!this.#opened) {
      at = this.#open(bytes);
      if (at < PREFACE.length) return;
    }
    while (bytes.length - at >= FRAME_HEADER_BYTES && !this.#stopped) {
      const head = bytes.readUInt32BE(at);
      const length = head >>> 8;
      if (length > MAX_FRAME_BYTES) {
        throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, `a frame of ${length} bytes`);
      }
      const from = at + FRAME_HEADER_BYTES;
      const end = from + length;
      if (bytes.length < end) break;
      sink.frame(
        head & 0xff,
        bytes.readUInt8(at + 4),
        bytes.readUInt32BE(at + 5) & 0x7fffffff,
        bytes.subarray(from, end),
      );
      at = end;
    }
    this.#rest = at === bytes.length || this.#stopped ? NOTHING : bytes.subarray(at);
  }

  /** No frame comes after this, whatever has been read. */
  stop(): void {
    this.#stopped = true;
    this.#rest = NOTHING;
  }

  /** Returns how many bytes the preface took. */
  #open(bytes: Buffer): number {
    const known = Math.min(bytes.length, PREFACE.length);
    if (bytes.compare(PREFACE, 0, known, 0, known) !== 0) {
      throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, 'not HTTP/2');
    }
    this.#opened = known === PREFACE.length;
    if (!this.#opened) this.#rest = bytes;
    return known;
  }
}
