import { framed } from '../../src/runtime/grpc-frame.js';
import { frame } from '../workload-api/raw-http2.js';
import { HpackEncoder, type Field } from './hpack-encoder.js';
import { callOf, FLAG, FRAME, setting, uint32 } from './raw-grpc.js';
import type { SeededRandom } from './seeded-random.js';

/** One frame, or the frames of one header block. */
export interface Act {
  /** Its frame, for whom it concerns, and what is special about it. */
  readonly what: string;
  readonly stream: number;
  readonly bytes: Buffer;
}

interface OpenStream {
  readonly id: number;
  /** What is still to be sent of its body. */
  rest: Buffer;
}

const { DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING, WINDOW_UPDATE, CONTINUATION } = FRAME;
const { END_STREAM, END_HEADERS, PADDED } = FLAG;
/** All bodies of a conversation stay within the window of its connection, whoever widens it and when. */
const MAX_BODIES = 60_000;

/**
 * What a client may send after its preface, by chance: calls of `/S/Chat` and others, with every freedom that HTTP/2 and HPACK
 * leave. Each client has a script of its own, of which it takes act after act.
 */
export class Http2Script {
  readonly #random: SeededRandom;
  readonly #encoder: HpackEncoder;
  readonly #open: OpenStream[] = [];
  /** Streams that the client has reset; what came on them before is left to chance. */
  readonly reset = new Set<number>();
  #next = 1;
  #bodies = 0;

  constructor(random: SeededRandom) {
    this.#random = random;
    this.#encoder = new HpackEncoder(random);
  }

  /** The newest stream. */
  get newest(): number {
    return this.#next - 2;
  }

  act(): Act {
    const stream = this.#open.length === 0 ? undefined : this.#random.of(this.#open);
    const kind = this.#random.whole(0, 20);
    if (kind < 5 || stream === undefined) return this.#begin();
    if (kind < 12) return this.#speak(stream);
    if (kind < 13) return this.#give(stream, RST_STREAM, 'RST_STREAM');
    if (kind < 14)
      return { what: 'WINDOW_UPDATE', stream: stream.id, bytes: frame(WINDOW_UPDATE, 0, stream.id, this.#few()) };
    return this.#ofConnection(kind);
  }

  /** Ends what is open and lets every answer come. */
  last(): Act[] {
    const acts: Act[] = [];
    while (this.#open.length > 0) {
      const [stream] = this.#open as [OpenStream];
      acts.push(this.#data(stream, stream.rest.subarray(0, 16_000), true));
    }
    return [...acts, this.room()];
  }

  /** Widens every window so far that no answer waits. */
  room(): Act {
    const wide = Buffer.concat([
      frame(WINDOW_UPDATE, 0, 0, uint32(1_000_000)),
      frame(SETTINGS, 0, 0, setting(4, 1_000_000)),
    ]);
    return { what: 'room for all answers', stream: 0, bytes: wide };
  }

  #few(): Buffer {
    return uint32(this.#random.whole(1, 2_000));
  }

  #ofConnection(kind: number): Act {
    const stream = this.#random.of([1, 3, 5, this.#next + 2]);
    // A stream that depends on itself was an error once (RFC 7540), and is none any more.
    const parent = this.#random.of([0, 7, 9].filter((each) => each !== stream));
    const weight = Buffer.concat([uint32(parent), Buffer.of(this.#random.whole(0, 255))]);
    if (kind < 16) return { what: 'SETTINGS', stream: 0, bytes: this.#settings() };
    if (kind < 17)
      return { what: 'PING', stream: 0, bytes: frame(PING, 0, 0, Buffer.alloc(8, this.#random.whole(0, 255))) };
    if (kind < 18) return { what: 'PRIORITY', stream, bytes: frame(PRIORITY, 0, stream, weight) };
    if (kind < 20) return { what: 'WINDOW_UPDATE', stream: 0, bytes: frame(WINDOW_UPDATE, 0, 0, this.#few()) };
    const unknown = this.#random.whole(10, 255);
    return {
      what: 'unknown',
      stream,
      bytes: frame(unknown, this.#random.whole(0, 255), stream, Buffer.alloc(this.#random.whole(0, 50))),
    };
  }

  #settings(): Buffer {
    const some = Array.from({ length: this.#random.whole(0, 4) }, () =>
      this.#random.of([
        setting(1, this.#random.of([0, 100, 4_096, 65_536])),
        setting(2, 0),
        setting(3, this.#random.whole(0, 100)),
        setting(4, this.#random.of([0, 1, 50, 1_000, 65_535, 200_000])),
        setting(5, this.#random.of([16_384, 20_000, 2 ** 24 - 1])),
        setting(6, this.#random.whole(10_000, 100_000)),
        setting(this.#random.whole(16, 65_535), this.#random.whole(0, 1_000)),
      ]),
    );
    return frame(SETTINGS, 0, 0, Buffer.concat(some));
  }

  #begin(): Act {
    const id = this.#next;
    this.#next += 2 * this.#random.whole(1, 2);
    const fields = this.#fields();
    const messages = Array.from({ length: this.#random.whole(0, 3) }, () =>
      framed(Buffer.alloc(this.#size(), id & 0xff)),
    );
    let rest = Buffer.concat(messages);
    if (this.#bodies + rest.length > MAX_BODIES) rest = Buffer.alloc(0);
    this.#bodies += rest.length;
    const ends = rest.length === 0 && this.#random.chance(0.5);
    if (!ends) this.#open.push({ id, rest });
    return this.#headers(id, fields, ends, 'HEADERS');
  }

  #size(): number {
    return this.#random.of([0, 1, this.#random.whole(2, 100), this.#random.whole(100, 9_000)]);
  }

  #fields(): Field[] {
    const base = callOf(this.#random.chance(0.9) ? 'Chat' : 'Nothing');
    if (this.#random.chance(0.05)) base[0] = [':method', this.#random.of(['GET', 'PUT'])];
    if (this.#random.chance(0.05)) base[4] = ['content-type', 'text/plain'];
    const pseudo = base.splice(0, 4);
    if (this.#random.chance(0.3)) pseudo.reverse();
    for (let count = this.#random.whole(0, 5); count > 0; count--) {
      const value = this.#random.of([
        '',
        'a',
        'b, c',
        'gr\xfc\xdf',
        'v'.repeat(this.#random.whole(1, 400)),
        '[{()}]|~',
      ]);
      base.push([
        this.#random.of(['x-a', 'x-b', 'user-agent', 'grpc-accept-encoding', `x-${this.#random.whole(0, 99)}`]),
        value,
      ]);
    }
    return [...pseudo, ...base];
  }

  #speak(stream: OpenStream): Act {
    const length = this.#random.of([0, 1, this.#random.whole(0, stream.rest.length), stream.rest.length]);
    const bytes = stream.rest.subarray(0, Math.min(length, 16_000));
    const all = bytes.length === stream.rest.length;
    if (all && bytes.length === 0 && this.#random.chance(0.3)) {
      this.#close(stream);
      return this.#headers(stream.id, this.#random.chance(0.5) ? [['x-late', 'yes']] : [], true, 'trailers');
    }
    return this.#data(stream, bytes, all && this.#random.chance(0.5));
  }

  #data(stream: OpenStream, bytes: Buffer, mayEnd: boolean): Act {
    const ends = mayEnd && bytes.length === stream.rest.length;
    stream.rest = stream.rest.subarray(bytes.length);
    if (ends) this.#close(stream);
    const padding = this.#random.chance(0.2) ? this.#random.whole(0, 60) : undefined;
    const payload = padding === undefined ? bytes : padded(bytes, padding);
    const flags = (ends ? END_STREAM : 0) | (padding === undefined ? 0 : PADDED);
    return { what: 'DATA', stream: stream.id, bytes: frame(DATA, flags, stream.id, payload) };
  }

  #give(stream: OpenStream, type: number, what: string): Act {
    this.#close(stream);
    this.reset.add(stream.id);
    return { what, stream: stream.id, bytes: frame(type, 0, stream.id, uint32(this.#random.of([0, 2, 8, 99]))) };
  }

  #close(stream: OpenStream): void {
    this.#open.splice(this.#open.indexOf(stream), 1);
  }

  #headers(id: number, fields: readonly Field[], ends: boolean, what: string): Act {
    const smaller = this.#random.whole(0, 4_096);
    const sizes = this.#random.chance(0.1) ? this.#random.of([[0, smaller], [smaller], [4_096]]) : [];
    const changes = sizes.map((size) => this.#encoder.resize(size));
    const block = Buffer.concat([...changes, this.#encoder.block(fields)]);
    return { what, stream: id, bytes: this.#framesOf(id, block, ends) };
  }

  #framesOf(id: number, block: Buffer, ends: boolean): Buffer {
    const cuts = Array.from({ length: this.#random.chance(0.3) ? this.#random.whole(1, 3) : 0 }, () =>
      this.#random.whole(0, block.length),
    );
    const at = [0, ...cuts.sort((a, b) => a - b), block.length];
    const frames: Buffer[] = [];
    for (let piece = 0; piece + 1 < at.length; piece++) {
      const last = piece + 2 === at.length ? END_HEADERS : 0;
      const bytes = block.subarray(at[piece], at[piece + 1]);
      if (piece > 0) frames.push(frame(CONTINUATION, last, id, bytes));
      else frames.push(this.#firstOf(id, bytes, last | (ends ? END_STREAM : 0)));
    }
    return Buffer.concat(frames);
  }

  #firstOf(id: number, bytes: Buffer, flags: number): Buffer {
    let [payload, all] = [bytes, flags];
    if (this.#random.chance(0.2)) {
      payload = Buffer.concat([uint32(this.#random.of([0, id + 2])), Buffer.of(this.#random.whole(0, 255)), payload]);
      all |= FLAG.PRIORITY;
    }
    if (this.#random.chance(0.2)) {
      payload = padded(payload, this.#random.whole(0, 100));
      all |= PADDED;
    }
    return frame(HEADERS, all, id, payload);
  }
}

/** What may go wrong with an act: bits, lengths, numbers, or the act comes where none of its kind may come. */
export function spoiled(random: SeededRandom, act: Act, newest: number): Act {
  const ways: readonly (readonly [string, () => Buffer])[] = [
    ['with another bit', () => withBit(random, act.bytes, act.bytes.length)],
    ['with another bit in its header', () => withBit(random, act.bytes, 9)],
    ['twice', () => Buffer.concat([act.bytes, act.bytes])],
    [
      'of another stream',
      () => rewritten(act.bytes, (head) => head.writeUInt32BE(random.of([0, 1, 2, newest, newest + 2]), 5)),
    ],
    ['of another type', () => rewritten(act.bytes, (head) => head.writeUInt8(random.whole(0, 10), 3))],
    ['with other flags', () => rewritten(act.bytes, (head) => head.writeUInt8(random.whole(0, 255), 4))],
    ['with less in it', () => resized(act.bytes.subarray(0, random.whole(9, act.bytes.length)))],
    ['with more in it', () => resized(Buffer.concat([act.bytes, noise(random, random.whole(1, 20))]))],
    ['with noise in it', () => resized(Buffer.concat([act.bytes.subarray(0, 9), noise(random, random.whole(1, 40))]))],
    ['without its end', () => act.bytes.subarray(0, random.whole(1, act.bytes.length - 1))],
    ['as noise', () => noise(random, random.whole(1, 60))],
  ];
  const [way, bytes] = random.of(ways);
  return { what: `${act.what} ${way}`, stream: act.stream, bytes: bytes() };
}

function noise(random: SeededRandom, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => random.whole(0, 255)));
}

function withBit(random: SeededRandom, bytes: Buffer, within: number): Buffer {
  const [copy, at] = [Buffer.from(bytes), random.whole(0, within - 1)];
  copy.writeUInt8(copy.readUInt8(at) ^ (1 << random.whole(0, 7)), at);
  return copy;
}

function rewritten(bytes: Buffer, write: (head: Buffer) => void): Buffer {
  const copy = Buffer.from(bytes);
  write(copy);
  return copy;
}

/** As one frame, with the length that it has now. */
function resized(bytes: Buffer): Buffer {
  return rewritten(bytes, (head) => head.writeUIntBE(bytes.length - 9, 0, 3));
}

function padded(payload: Buffer, padding: number): Buffer {
  return Buffer.concat([Buffer.of(padding), payload, Buffer.alloc(padding)]);
}
