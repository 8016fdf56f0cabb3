/**
 * Lengths in bits of HPACK's Huffman codes (RFC 7541, appendix B) for the characters from space to `~`; 0 where the code is
 * longer than 15 bits. The code is canonical, so the lengths say it all. No other octet but NUL has a code this short.
 */
const PRINTABLE = [
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7,
  7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 0, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6,
  5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13,
];
const NUL_BITS = 13;
const MAX_BITS = 15;
const SPACE = 0x20;
/** Characters that an HTTP/2 library may refuse in `:authority`, each with an acceptable one whose code is as long. */
export const REPLACEMENTS: ReadonlyMap<number, number> = new Map([
  [0x2f, 0x2d], // `/` and `-`
  [0x40, 0x7e], // `@` and `~`: no user may stand in an authority (RFC 9113, 8.3.1)
]);

/** Makes the replacements in a Huffman-coded string, in place; stops at a character outside of printable ASCII. */
export function replaceCoded(coded: Buffer): void {
  let code = 0;
  let bits = 0;
  for (let at = 0; at < coded.length * 8; at++) {
    code = (code << 1) | (((coded[at >> 3] ?? 0) >> (7 - (at & 7))) & 1);
    bits += 1;
    const symbol = SYMBOLS.get(keyOf(bits, code));
    const other = symbol === undefined ? undefined : REPLACEMENT_CODES.get(symbol);
    if (other !== undefined) write(coded, at + 1 - bits, other, bits);
    if (symbol !== undefined) code = bits = 0;
    else if (bits > MAX_BITS) return;
  }
}

function write(coded: Buffer, from: number, code: number, bits: number): void {
  for (let bit = 0; bit < bits; bit++) {
    const at = from + bit;
    const mask = 1 << (7 - (at & 7));
    const one = (code >> (bits - 1 - bit)) & 1;
    const byte = coded[at >> 3] ?? 0;
    coded[at >> 3] = one === 1 ? byte | mask : byte & ~mask;
  }
}

/** Code (with its length) to octet. */
const SYMBOLS: ReadonlyMap<number, number> = canonicalCodes();
/** Octet to the code of what it is replaced by. */
const REPLACEMENT_CODES: ReadonlyMap<number, number> = replacementCodes();

function replacementCodes(): Map<number, number> {
  const codes = new Map([...SYMBOLS].map(([key, symbol]) => [symbol, key & 0xffff]));
  return new Map([...REPLACEMENTS].map(([from, to]) => [from, codes.get(to) ?? 0]));
}

function canonicalCodes(): Map<number, number> {
  const symbols = PRINTABLE.map((bits, index) => ({ symbol: SPACE + index, bits }));
  const known = [{ symbol: 0, bits: NUL_BITS }, ...symbols].filter(({ bits }) => bits > 0);
  known.sort((a, b) => a.bits - b.bits || a.symbol - b.symbol);
  const codes = new Map<number, number>();
  let code = 0;
  let last = known[0]?.bits ?? 0;
  for (const { symbol, bits } of known) {
    code <<= bits - last;
    last = bits;
    codes.set(keyOf(bits, code), symbol);
    code += 1;
  }
  return codes;
}

function keyOf(bits: number, code: number): number {
  return (bits << 16) | code;
}
