/**
 * Lengths in bits of HPACK's Huffman codes (RFC 7541, appendix B), by octet; the last one is that of the end of string. The code
 * is canonical: codes of one length follow each other in the order of the octets, so the lengths say it all.
 */
// prettier-ignore
const BITS = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
   6, 10, 10, 12, 13,  6,  8, 11, 10, 10,  8, 11,  8,  6,  6,  6,  5,  5,  5,  6,  6,  6,  6,  6,  6,  6,  7,  8, 15,  6, 12, 10,
  13,  6,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  8,  7,  8, 13, 19, 13, 14,  6,
  15,  5,  6,  5,  6,  5,  6,  6,  6,  5,  7,  7,  6,  6,  6,  5,  6,  7,  6,  5,  5,  6,  7,  7,  7,  7,  7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30,
];
const END_OF_STRING = 256;
/** Padding is shorter than an octet. */
const MAX_PADDING_BITS = 7;

/**
 * A binary tree: two places for each node, one for each bit. Above 0 stands the number of the next node, below 0 the complement of
 * a symbol.
 */
const TREE: Int16Array = codeTree();

/** The octets of a Huffman-coded string; `undefined` when it is none (RFC 7541, 5.2). */
export function decodeHuffman(coded: Uint8Array): Buffer | undefined {
  // No code is shorter than five bits.
  const octets = Buffer.allocUnsafe(Math.ceil((coded.length * 8) / 5));
  let length = 0;
  let node = 0;
  let pending = 0;
  let ones = true;
  for (const byte of coded) {
    for (let bit = 7; bit >= 0; bit--) {
      const one = (byte >> bit) & 1;
      const next = TREE[2 * node + one] as number;
      pending += 1;
      ones &&= one === 1;
      if (next >= 0) {
        node = next;
        continue;
      }
      if (~next === END_OF_STRING) return undefined;
      octets[length++] = ~next;
      node = pending = 0;
      ones = true;
    }
  }
  return ones && pending <= MAX_PADDING_BITS ? octets.subarray(0, length) : undefined;
}

function codeTree(): Int16Array {
  const tree = new Int16Array(2 * BITS.length);
  let nodes = 1;
  const symbols = BITS.map((bits, symbol) => ({ bits, symbol })).sort((a, b) => a.bits - b.bits || a.symbol - b.symbol);
  let code = 0;
  let before = symbols[0]?.bits ?? 0;
  for (const { bits, symbol } of symbols) {
    code *= 2 ** (bits - before);
    before = bits;
    let node = 0;
    for (let bit = bits - 1; bit > 0; bit--) {
      const place = 2 * node + ((code >> bit) & 1);
      if (tree[place] === 0) tree[place] = nodes++;
      node = tree[place] as number;
    }
    tree[2 * node + (code & 1)] = ~symbol;
    code += 1;
  }
  return tree;
}
