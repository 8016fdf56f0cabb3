import { STATIC_TABLE } from '../../src/runtime/http2/hpack-static-table.js';
import type { SeededRandom } from './seeded-random.js';

export type Field = readonly [name: string, value: string];

/** Characters whose Huffman codes (RFC 7541, appendix B) have up to 15 bits, by that number and in the order of their codes. */
const CODED: readonly (readonly [bits: number, characters: string])[] = [
  [5, '012aceiost'],
  [6, ' %-./3456789=A_bdfghlmnpru'],
  [7, ':BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz'],
  [8, '&*,;XZ'],
  [10, '!"()?'],
  [11, "'+|"],
  [12, '#>'],
  [13, '\0$@[]~'],
  [14, '^}'],
  [15, '<`{'],
];

/** Bits as text: slow, and plain to see. */
const CODES: ReadonlyMap<string, string> = codes();

function codes(): Map<string, string> {
  const found = new Map<string, string>();
  let code = 0;
  let before = 5;
  for (const [bits, characters] of CODED) {
    for (const character of characters) {
      code *= 2 ** (bits - before);
      before = bits;
      found.set(character, code.toString(2).padStart(bits, '0'));
      code += 1;
    }
  }
  return found;
}

/** The string as Huffman codes, filled up with ones; `undefined` when a character has none here. */
export function huffman(text: string): Buffer | undefined {
  const parts = Array.from(text, (character) => CODES.get(character));
  if (parts.includes(undefined)) return undefined;
  const bits = parts.join('');
  const octets = bits.padEnd(Math.ceil(bits.length / 8) * 8, '1').match(/.{8}/g) ?? [];
  return Buffer.from(octets.map((octet) => Number.parseInt(octet, 2)));
}

/** RFC 7541, 5.1, with `flags` in the bits before the prefix. */
export function integer(value: number, prefixBits: number, flags: number): Buffer {
  const most = 2 ** prefixBits - 1;
  if (value < most) return Buffer.of(flags | value);
  const octets = [flags | most];
  let rest = value - most;
  for (; rest >= 128; rest = Math.floor(rest / 128)) octets.push((rest % 128) | 128);
  return Buffer.from([...octets, rest]);
}

export function literalString(text: string, coded = false): Buffer {
  const octets = coded ? huffman(text) : undefined;
  if (octets !== undefined) return Buffer.concat([integer(octets.length, 7, 0x80), octets]);
  const plain = Buffer.from(text, 'latin1');
  return Buffer.concat([integer(plain.length, 7, 0), plain]);
}

/** Fields as literals that nobody remembers. */
export function plainBlock(fields: readonly Field[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.of(0), literalString(name), literalString(value)]));
}

/** An encoder that takes any of the ways that HPACK leaves open, by chance, and remembers what its peer remembers. */
export class HpackEncoder {
  readonly #random: SeededRandom;
  /** The newest entry is the first. */
  #table: Field[] = [];
  #limit = 4096;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  /** A change of the table's size, to stand at the beginning of a block. */
  resize(limit: number): Buffer {
    this.#limit = limit;
    this.#evict();
    return integer(limit, 5, 0x20);
  }

  block(fields: readonly Field[]): Buffer {
    return Buffer.concat(fields.map((field) => this.#field(field)));
  }

  #field([name, value]: Field): Buffer {
    const known = [...STATIC_TABLE, ...this.#table];
    const places = (matches: (field: Field) => boolean): number[] =>
      known.flatMap((field, at) => (matches(field) ? [at + 1] : []));
    const whole = places((field) => field[0] === name && field[1] === value);
    if (whole.length > 0 && this.#random.chance(0.8)) return integer(this.#random.of(whole), 7, 0x80);
    const named = places((field) => field[0] === name);
    const index = named.length > 0 && this.#random.chance(0.8) ? this.#random.of(named) : 0;
    const [bits, flags] = this.#random.of([
      [6, 0x40] as const,
      [6, 0x40] as const,
      [4, 0x10] as const,
      [4, 0] as const,
    ]);
    if (flags === 0x40) {
      this.#table.unshift([name, value]);
      this.#evict();
    }
    const text = (what: string): Buffer => literalString(what, this.#random.chance(0.5));
    return Buffer.concat([integer(index, bits, flags), ...(index === 0 ? [text(name)] : []), text(value)]);
  }

  #evict(): void {
    const size = (): number => this.#table.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
    while (size() > this.#limit) this.#table.pop();
  }
}
