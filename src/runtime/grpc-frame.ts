import { gunzipSync, inflateSync } from 'node:zlib';
import { SpirlError } from './errors.js';

/** Flag and length that stand before each message of a gRPC stream. */
const PREFIX_BYTES = 5;

const NOTHING = Buffer.alloc(0);

/** Encodings of messages that a `MessageReader` reads. */
export const MESSAGE_ENCODINGS = 'identity,deflate,gzip';

/** A message as it goes over the wire, uncompressed: to be made once and written to any number of streams. */
export function framed(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  frame.writeUInt8(0, 0);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, PREFIX_BYTES);
  return frame;
}

export interface MessageReaderOptions {
  /** Longest message, in bytes, before and after decompression. */
  readonly maxBytes: number;
  /** Value of `grpc-encoding`. */
  readonly encoding: string | undefined;
}

/** Takes the messages out of the bytes of a stream, one at a time, so that those nobody has asked for yet cost no more than their bytes. */
export class MessageReader {
  readonly #options: MessageReaderOptions;
  /** What has come and was not taken lies between `#at` and `#end`. Never written to but after `#end`: messages are views of it. */
  #bytes: Buffer = NOTHING;
  #at = 0;
  #end = 0;

  /** Throws UNIMPLEMENTED when the encoding is not known. */
  constructor(options: MessageReaderOptions) {
    this.#options = options;
    const { encoding } = options;
    if (encoding !== undefined && !MESSAGE_ENCODINGS.split(',').includes(encoding)) {
      throw new SpirlError('UNIMPLEMENTED', 'grpc-encoding: identity, deflate or gzip is expected');
    }
  }

  /** Whether bytes of an unfinished message have come. */
  get inside(): boolean {
    return this.#end > this.#at;
  }

  /** More bytes of the stream. */
  push(chunk: Buffer): void {
    if (this.#at < this.#end) this.#append(chunk);
    // A small part of much that was read together would keep all of it.
    else [this.#bytes, this.#at, this.#end] = [isCrumb(chunk) ? Buffer.from(chunk) : chunk, 0, chunk.length];
  }

  /** More bytes, and then every message that is complete. */
  *messages(chunk: Buffer): Generator<Buffer, void, void> {
    this.push(chunk);
    for (let message = this.next(); message !== undefined; message = this.next()) yield message;
  }

  /** The next message that is complete. Throws LIMIT_REACHED for one that is too long, INVALID_REQUEST for no message. */
  next(): Buffer | undefined {
    const held = this.#end - this.#at;
    if (held < PREFIX_BYTES) return undefined;
    const length = this.#bytes.readUInt32BE(this.#at + 1);
    if (length > this.#options.maxBytes) throw tooLong(length, this.#options.maxBytes);
    if (held < PREFIX_BYTES + length) return undefined;
    const from = this.#at + PREFIX_BYTES;
    const flag = this.#bytes.readUInt8(this.#at);
    const bytes = this.#bytes.subarray(from, from + length);
    this.#at = from + length;
    if (this.#at === this.#end) [this.#bytes, this.#at, this.#end] = [NOTHING, 0, 0];
    return this.#message(flag, bytes);
  }

  /** In a room of its own, which doubles, so that a message in tiny parts is copied few times. */
  #append(chunk: Buffer): void {
    const held = this.#end - this.#at;
    if (this.#end + chunk.length > this.#bytes.length) {
      const room = Buffer.allocUnsafe(Math.max(held + chunk.length, 2 * held));
      this.#bytes.copy(room, 0, this.#at, this.#end);
      [this.#bytes, this.#at, this.#end] = [room, 0, held];
    }
    chunk.copy(this.#bytes, this.#end);
    this.#end += chunk.length;
  }

  #message(flag: number, bytes: Buffer): Buffer {
    if (flag === 0) return bytes;
    const { encoding, maxBytes } = this.#options;
    if (flag !== 1 || (encoding !== 'gzip' && encoding !== 'deflate')) {
      throw new SpirlError('INVALID_REQUEST', 'request: a compressed message without a grpc-encoding');
    }
    try {
      const options = { maxOutputLength: maxBytes };
      return encoding === 'gzip' ? gunzipSync(bytes, options) : inflateSync(bytes, options);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ERR_BUFFER_TOO_LARGE') throw tooLong(undefined, maxBytes);
      throw new SpirlError('INVALID_REQUEST', `request: no ${encoding}`, { cause: error });
    }
  }
}

const MUCH_BYTES = 4_096;

function isCrumb({ length, buffer: { byteLength } }: Buffer): boolean {
  return byteLength > MUCH_BYTES && byteLength > 4 * length;
}

function tooLong(length: number | undefined, max: number): SpirlError {
  const got = length === undefined ? '' : `, this one has ${length}`;
  return new SpirlError('LIMIT_REACHED', `request: a message has at most ${max} bytes${got}`);
}
