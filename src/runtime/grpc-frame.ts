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

/** Takes the messages out of the bytes of a stream. */
export class MessageReader {
  readonly #options: MessageReaderOptions;
  /** The first `#held` bytes are those of an unfinished message. It doubles, so that a message in tiny parts is copied few times. */
  #room: Buffer = NOTHING;
  #held = 0;

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
    return this.#held > 0;
  }

  /** Every message that is complete with `chunk`. Throws LIMIT_REACHED for one that is too long, INVALID_REQUEST for no message. */
  push(chunk: Buffer): readonly Buffer[] {
    const bytes = this.#held === 0 ? chunk : this.#append(chunk);
    const messages: Buffer[] = [];
    let at = 0;
    while (bytes.length - at >= PREFIX_BYTES) {
      const length = bytes.readUInt32BE(at + 1);
      if (length > this.#options.maxBytes) throw tooLong(length, this.#options.maxBytes);
      const end = at + PREFIX_BYTES + length;
      if (bytes.length < end) break;
      messages.push(this.#message(bytes.readUInt8(at), bytes.subarray(at + PREFIX_BYTES, end)));
      at = end;
    }
    if (at > 0 || this.#held === 0) this.#keep(bytes.subarray(at));
    return messages;
  }

  /** In a room of its own: messages are views of the one before, and what comes from the network is a piece of a larger one. */
  #keep(rest: Buffer): void {
    [this.#room, this.#held] = [NOTHING, 0];
    if (rest.length > 0) this.#append(rest);
  }

  /** Everything that is held, `chunk` included. */
  #append(chunk: Buffer): Buffer {
    const held = this.#held + chunk.length;
    if (held > this.#room.length) {
      const room = Buffer.allocUnsafe(Math.max(held, 2 * this.#room.length));
      this.#room.copy(room, 0, 0, this.#held);
      this.#room = room;
    }
    chunk.copy(this.#room, this.#held);
    this.#held = held;
    return this.#room.subarray(0, held);
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

function tooLong(length: number | undefined, max: number): SpirlError {
  const got = length === undefined ? '' : `, this one has ${length}`;
  return new SpirlError('LIMIT_REACHED', `request: a message has at most ${max} bytes${got}`);
}
