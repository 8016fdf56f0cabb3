/** Wire types (the low three bits of a tag). Groups are known only to be stepped over. */
export const WireType = { VARINT: 0, FIXED64: 1, DELIMITED: 2, GROUP_START: 3, GROUP_END: 4, FIXED32: 5 } as const;

/** No varint is longer. */
const MAX_VARINT_BYTES = 10;
/** Groups within groups that are stepped over. */
const MAX_DEPTH = 100;

/** The bytes are no message. */
export class ProtobufError extends Error {}

/** Reads the parts of a protobuf message. Throws ProtobufError when the bytes end early or are none. */
export class ProtoReader {
  readonly #bytes: Buffer;
  #at = 0;
  #end: number;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#end = bytes.length;
  }

  /** Whether the message, or the part that `within` reads, has been read to its end. */
  get done(): boolean {
    return this.#at >= this.#end;
  }

  /** An unsigned varint. Above 2^53 it is as near as a number can be. */
  varint(): number {
    let value = 0;
    for (let scale = 1, length = 0; length < MAX_VARINT_BYTES; scale *= 128, length++) {
      const byte = this.#byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    throw new ProtobufError('a varint is too long');
  }

  /** A varint that stands for a signed number of 64 bits: negative ones have ten bytes. */
  signedVarint(): number {
    const from = this.#at;
    const value = this.varint();
    if (this.#at - from < MAX_VARINT_BYTES) return value;
    let exact = 0n;
    for (let at = this.#at - 1; at >= from; at--) exact = (exact << 7n) | BigInt((this.#bytes[at] ?? 0) & 0x7f);
    return Number(BigInt.asIntN(64, exact));
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
    this.#at = from;
    this.#end = to;
    const value = read();
    this.#at = to;
    this.#end = outer;
    return value;
  }

  /** Steps over a field that nobody knows. */
  skip(wireType: number, depth = 0): void {
    if (wireType === WireType.VARINT) this.varint();
    else if (wireType === WireType.FIXED64) this.#skip(8);
    else if (wireType === WireType.DELIMITED) this.#delimited();
    else if (wireType === WireType.FIXED32) this.#skip(4);
    else if (wireType === WireType.GROUP_START && depth < MAX_DEPTH) this.#skipGroup(depth);
    else throw new ProtobufError(`a field of wire type ${wireType}`);
  }

  #skipGroup(depth: number): void {
    for (;;) {
      const wireType = this.varint() & 7;
      if (wireType === WireType.GROUP_END) return;
      this.skip(wireType, depth + 1);
    }
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
    const from = this.#skip(this.varint());
    return [from, this.#at];
  }
}
