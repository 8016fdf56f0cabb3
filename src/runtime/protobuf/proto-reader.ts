/** Wire types (the low three bits of a tag). Groups are known only to be stepped over. */
export const WireType = { VARINT: 0, FIXED64: 1, DELIMITED: 2, GROUP_START: 3, GROUP_END: 4, FIXED32: 5 } as const;

/** Bits of the longest varint: ten times seven. */
const MAX_VARINT_BITS = 70;
const TWO_TO_32 = 2 ** 32;
/** Messages within messages, and groups within groups that are stepped over; what other implementations admit too. */
const MAX_DEPTH = 100;

/** The bytes are no message, or a value cannot be written. */
export class ProtobufError extends Error {}

/** Reads the parts of a protobuf message. Throws ProtobufError when the bytes end early or are none. */
export class ProtoReader {
  readonly #bytes: Buffer;
  #at = 0;
  #end: number;
  #depth = 0;
  /** The last varint, 32 bits each, unsigned. */
  #low = 0;
  #high = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#end = bytes.length;
  }

  /** Whether the message, or the part that `within` reads, has been read to its end. */
  get done(): boolean {
    return this.#at >= this.#end;
  }

  /** Number and wire type of a field, as one number. */
  tag(): number {
    this.#varint();
    if (this.#low < 8 || this.#high !== 0) throw new ProtobufError('a field without a number');
    return this.#low;
  }

  /** The low 32 bits of what may be longer, as protobuf says. */
  uint32(): number {
    this.#varint();
    return this.#low;
  }

  int32(): number {
    this.#varint();
    return this.#low | 0;
  }

  /** Beyond 2^53 the nearest number that there is. */
  uint64(): number {
    this.#varint();
    return this.#high * TWO_TO_32 + this.#low;
  }

  int64(): number {
    this.#varint();
    return (this.#high | 0) * TWO_TO_32 + this.#low;
  }

  bool(): boolean {
    this.#varint();
    return this.#low !== 0 || this.#high !== 0;
  }

  float64(): number {
    return this.#bytes.readDoubleLE(this.#skip(8));
  }

  text(): string {
    const [from, to] = this.#delimited();
    return this.#bytes.toString('utf8', from, to);
  }

  /** A copy: what is kept of a message must not keep all that came with it. */
  bytes(): Buffer {
    const [from, to] = this.#delimited();
    return Buffer.from(this.#bytes.subarray(from, to));
  }

  /** Lets `read` read a part that has its length before it, and nothing beyond. */
  within<T>(read: () => T): T {
    const [from, to] = this.#delimited();
    const outer = this.#end;
    if (++this.#depth > MAX_DEPTH) throw new ProtobufError('messages within messages, too deep');
    this.#at = from;
    this.#end = to;
    const value = read();
    this.#at = to;
    this.#end = outer;
    this.#depth--;
    return value;
  }

  /** Steps over a field that nobody knows. */
  skip(wireType: number, depth = 0): void {
    if (wireType === WireType.VARINT) this.#varint();
    else if (wireType === WireType.FIXED64) this.#skip(8);
    else if (wireType === WireType.DELIMITED) this.#delimited();
    else if (wireType === WireType.FIXED32) this.#skip(4);
    else if (wireType === WireType.GROUP_START && depth < MAX_DEPTH) this.#skipGroup(depth);
    else throw new ProtobufError(`a field of wire type ${wireType}`);
  }

  #skipGroup(depth: number): void {
    for (;;) {
      const wireType = this.tag() & 7;
      if (wireType === WireType.GROUP_END) return;
      this.skip(wireType, depth + 1);
    }
  }

  /** What goes beyond 64 bits is dropped, as protobuf says. */
  #varint(): void {
    let [low, high] = [0, 0];
    for (let shift = 0; shift < MAX_VARINT_BITS; shift += 7) {
      const byte = this.#byte();
      const bits = byte & 0x7f;
      if (shift < 32) low |= bits << shift;
      if (shift === 28) high = bits >> 4;
      else if (shift > 28) high |= bits << (shift - 32);
      if (byte < 0x80) {
        this.#low = low >>> 0;
        this.#high = high >>> 0;
        return;
      }
    }
    throw new ProtobufError('a varint is too long');
  }

  #byte(): number {
    const byte = this.#at < this.#end ? this.#bytes[this.#at++] : undefined;
    if (byte === undefined) throw new ProtobufError('the message ends early');
    return byte;
  }

  /** Returns where the bytes that are stepped over begin. */
  #skip(length: number): number {
    const from = this.#at;
    if (length > this.#end - from) throw new ProtobufError('the message ends early');
    this.#at = from + length;
    return from;
  }

  #delimited(): readonly [from: number, to: number] {
    const from = this.#skip(this.uint64());
    return [from, this.#at];
  }
}
