/** More than a batch of usual SVIDs, so that it seldom grows. */
const FIRST_LENGTH = 32_768;

/**
 * Octets that are written one after the other and leave together. It is made once and used again: an allocation outside V8's
 * heap per certificate and key cost a worker 1 us of 46, most of it when they were collected.
 */
export class GrowingBuffer {
  #bytes: Buffer;
  #length = 0;

  constructor(firstLength = FIRST_LENGTH) {
    // Of its own, not a piece of Node's pool: private keys are written here.
    this.#bytes = Buffer.alloc(firstLength);
  }

  /** What has been written, and room for more; another one after `take`. */
  get bytes(): Buffer {
    return this.#bytes;
  }
  get length(): number {
    return this.#length;
  }

  /** Makes room for `length` more octets; returns where they begin in `bytes`. They hold zeros. */
  take(length: number): number {
    const at = this.#length;
    this.#length += length;
    if (this.#length > this.#bytes.length) this.#grow();
    return at;
  }

  /** Takes back what was written from `at` on. */
  dropFrom(at: number): void {
    this.#bytes.fill(0, at, this.#length);
    this.#length = at;
  }

  /** A copy of all that was written, in memory of its own, so that it can be transferred; nothing of it stays here. */
  takeAll(): ArrayBuffer {
    const { buffer, byteOffset } = this.#bytes;
    const all = buffer.slice(byteOffset, byteOffset + this.#length) as ArrayBuffer;
    this.dropFrom(0);
    return all;
  }

  #grow(): void {
    const old = this.#bytes;
    this.#bytes = Buffer.alloc(Math.max(this.#length, 2 * old.length));
    this.#bytes.set(old);
    old.fill(0);
  }
}
