import { ProtobufError } from './proto-reader.js';

const FIRST_ROOM = 256;
/** The largest unsigned number of 64 bits that a number can be; a larger one that was read is rounded up to 2^64. */
const MAX_VARINT = 2 ** 64 - 2 ** 11;

/** Writes the parts of a protobuf message. */
export class ProtoWriter {
  #bytes: Buffer = Buffer.allocUnsafe(FIRST_ROOM);
  #at = 0;

  /** Everything written so far. */
  get written(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  /** A whole number; a negative one takes ten bytes. Throws ProtobufError for one that has not 64 bits. */
  varint(value: number): void {
    if (!Number.isInteger(value) || value < -(2 ** 63) || value > 2 ** 64) {
      throw new ProtobufError('not a whole number of 64 bits');
    }
    if (value < 0) {
      this.#negative(value);
      return;
    }
    this.#room(10);
    let rest = Math.min(value, MAX_VARINT);
    while (rest >= 0x80) {
      this.#bytes[this.#at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#at++] = rest;
  }

  float64(value: number): void {
    this.#room(8);
    this.#at = this.#bytes.writeDoubleLE(value, this.#at);
  }

  text(value: string): void {
    const length = Buffer.byteLength(value);
    this.varint(length);
    this.#room(length);
    this.#at += this.#bytes.write(value, this.#at);
  }

  bytes(value: Uint8Array): void {
    this.varint(value.length);
    this.#room(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
  }

  /** What `write` writes, with its length before it. */
  within(write: () => void): void {
    // One byte is enough for most lengths; a longer one moves what was written after it.
    const from = this.#at;
    this.varint(0);
    write();
    const end = this.#at;
    const length = end - from - 1;
    if (length < 0x80) {
      this.#bytes[from] = length;
      return;
    }
    this.varint(length);
    const lengthBytes = Buffer.from(this.#bytes.subarray(end, this.#at));
    this.#bytes.copyWithin(from + lengthBytes.length, from + 1, end);
    lengthBytes.copy(this.#bytes, from);
    this.#at = from + lengthBytes.length + length;
  }

  #negative(value: number): void {
    this.#room(10);
    let rest = BigInt.asUintN(64, BigInt(value));
    while (rest >= 0x80n) {
      this.#bytes[this.#at++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#bytes[this.#at++] = Number(rest);
  }

  #room(length: number): void {
    if (this.#at + length <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#at + length, 2 * this.#bytes.length));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }
}
