/** Bytes that are no DER of the expected form. Callers say which input it was. */
export class MalformedDer extends Error {
  override readonly name = 'MalformedDer';
}

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Tag and length octets of an element with `length` octets of content (less than 2^24). */
export function header(tag: number, length: number): Buffer {
  const out = Buffer.alloc(headerLength(length));
  writeHeader(out, 0, tag, length);
  return out;
}

/** How long the header of such an element is. */
export function headerLength(length: number): number {
  if (length < 0x80) return 2;
  if (length < 0x100) return 3;
  return length < 0x10000 ? 4 : 5;
}

/** Writes a header at `at`; returns where the content begins. */
export function writeHeader(out: Uint8Array, at: number, tag: number, length: number): number {
  const size = headerLength(length);
  out[at] = tag;
  if (size === 2) out[at + 1] = length;
  else out[at + 1] = 0x80 | (size - 2);
  for (let i = 2, left = size - 3; i < size; i++, left--) out[at + i] = (length >> (8 * left)) & 0xff;
  return at + size;
}

/** One element. */
export function tlv(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const length = content.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([header(tag, length), ...content]);
}

/** OBJECT IDENTIFIER from its dotted form. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return tlv(TAG.oid, Buffer.from([first * 40 + second, ...rest].flatMap(base128)));
}

function base128(arc: number): number[] {
  const digits = [arc % 128];
  for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) digits.unshift(0x80 | (left % 128));
  return digits;
}

/** Reads DER strictly: definite, minimal lengths, single-octet tags, nothing left over. Every failure is a MalformedDer. */
export class DerReader {
  readonly #bytes: Uint8Array;
  #at = 0;
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }
  /** Tag of the next element; undefined at the end. */
  get nextTag(): number | undefined {
    return this.#bytes[this.#at];
  }
  /** The next element, which must have this tag: whole, and its content. Both are views. */
  element(tag: number): { readonly whole: Uint8Array; readonly content: Uint8Array } {
    const begin = this.#at;
    if (this.#bytes[begin] !== tag) throw new MalformedDer(`expected tag 0x${tag.toString(16)} at octet ${begin}`);
    const { length, size } = this.#length(begin + 1);
    const from = begin + 1 + size;
    if (from + length > this.#bytes.length) throw new MalformedDer('an element is longer than what holds it');
    this.#at = from + length;
    return { whole: this.#bytes.subarray(begin, this.#at), content: this.#bytes.subarray(from, this.#at) };
  }
  /** A reader of the content of the next element. */
  enter(tag: number): DerReader {
    return new DerReader(this.element(tag).content);
  }
  /** The octets of a BIT STRING without unused bits. */
  bitString(): Uint8Array {
    const { content } = this.element(TAG.bitString);
    if (content[0] !== 0) throw new MalformedDer('a bit string with unused bits');
    return content.subarray(1);
  }
  /** Magnitude of a non-negative INTEGER, without leading zeros (zero itself: one zero octet). */
  unsigned(): Uint8Array {
    const { content } = this.element(TAG.integer);
    const [first, second] = content;
    if (first === undefined || (first & 0x80) !== 0) throw new MalformedDer('an empty or negative integer');
    if (first !== 0 || second === undefined) return content;
    if ((second & 0x80) === 0) throw new MalformedDer('an integer with a needless leading zero');
    return content.subarray(1);
  }
  /** Nothing may be left. */
  end(): void {
    if (this.#at !== this.#bytes.length) throw new MalformedDer('octets after the end');
  }

  #length(at: number): { length: number; size: number } {
    const first = this.#bytes[at];
    if (first === undefined) throw new MalformedDer('an element without a length');
    if (first < 0x80) return { length: first, size: 1 };
    const octets = first & 0x7f;
    if (octets === 0 || octets > 3) throw new MalformedDer('an indefinite or enormous length');
    let length = 0;
    for (let i = 1; i <= octets; i++) {
      const octet = this.#bytes[at + i];
      if (octet === undefined) throw new MalformedDer('a length cut short');
      length = length * 256 + octet;
    }
    const least = octets === 1 ? 0x80 : 256 ** (octets - 1);
    if (length < least) throw new MalformedDer('a length that is not minimal');
    return { length, size: octets + 1 };
  }
}
