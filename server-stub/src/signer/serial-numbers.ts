import { randomFillSync } from 'node:crypto';

export const SERIAL_LENGTH = 16;
const POOL_SERIALS = 256;

/** Serial numbers of 126 random bits: positive, never zero, always 16 octets in minimal form. */
export class SerialNumbers {
  readonly #pool = Buffer.alloc(SERIAL_LENGTH * POOL_SERIALS);
  #used = POOL_SERIALS;
  /** A view that later calls overwrite: copy it. */
  next(): Buffer {
    if (this.#used === POOL_SERIALS) {
      randomFillSync(this.#pool);
      this.#used = 0;
    }
    const serial = this.#pool.subarray(this.#used * SERIAL_LENGTH, ++this.#used * SERIAL_LENGTH);
    // Top bits 01: no sign, no leading zero octet, so the hole of a template never changes its size.
    serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
    return serial;
  }
}
