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
const SLASH = 0x2f;
/** `-` in 6 bits, as many as `/` has. */
const HYPHEN_CODE = 0b010110;
const HYPHEN_BITS = 6;

/** Replaces each `/` by `-` in a Huffman-coded string, in place; stops at a character outside of printable ASCII. */
export function replaceSlashes(coded: Buffer): void {
  let code = 0;
  let bits = 0;
  for (let at = 0; at < coded.length * 8; at++) {
    code = (code << 1) | (((coded[at >> 3] ?? 0) >> (7 - (at & 7))) & 1);
    bits += 1;
    const symbol = SYMBOLS.get(keyOf(bits, code));
    if (symbol === SLASH) writeHyphen(coded, at + 1 - HYPHEN_BITS);
    if (symbol !== undefined) code = bits = 0;
    else if (bits > MAX_BITS) return;
  }
}

function writeHyphen(coded: Buffer, from: number): void {
  for (let bit = 0; bit < HYPHEN_BITS; bit++) {
    const at = from + bit;
    const mask = 1 << (7 - (at & 7));
    const one = (HYPHEN_CODE >> (HYPHEN_BITS - 1 - bit)) & 1;
    const byte = coded[at >> 3] ?? 0;
    coded[at >> 3] = one === 1 ? byte | mask : byte & ~mask;
  }
}

/** Code (with its length) to octet. */
const SYMBOLS: ReadonlyMap<number, number> = canonicalCodes();

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
