import { REPLACEMENTS, replaceCoded } from './hpack-huffman.js';

/** Index of `:authority` in HPACK's static table (RFC 7541, appendix A). */
const AUTHORITY = 1;

/**
 * Replaces each `/` by `-` and each `@` by `~` in the value of `:authority`, in place. Both of a pair are as long in plain
 * text as in HPACK's Huffman code, so the length of the block and the dynamic tables of both ends stay in step. `block` is a
 * whole header block (RFC 7541, section 6); from the first byte that makes no sense on it is left alone, for the HTTP/2
 * library to judge.
 */
export function repairAuthority(block: Buffer): void {
  let at = 0;
  while (at < block.length) {
    const first = block.readUInt8(at);
    if ((first & 0x80) !== 0 || (first & 0xe0) === 0x20) {
      // An indexed field, or an update of the table's size: one integer.
      const field = readInteger(block, at, (first & 0x80) !== 0 ? 7 : 5);
      if (field === undefined) return;
      at = field.end;
      continue;
    }
    const name = readInteger(block, at, (first & 0x40) !== 0 ? 6 : 4);
    if (name === undefined) return;
    const literal = name.value === 0 ? readString(block, name.end) : undefined;
    if (name.value === 0 && literal === undefined) return;
    const value = readString(block, literal?.end ?? name.end);
    if (value === undefined) return;
    const named = literal !== undefined && !literal.huffman && literal.bytes.equals(Buffer.from(':authority'));
    if (name.value === AUTHORITY || named) repairValue(value);
    at = value.end;
  }
}

interface HpackString {
  readonly huffman: boolean;
  /** A view into the block. */
  readonly bytes: Buffer;
  readonly end: number;
}

function repairValue(value: HpackString): void {
  if (value.huffman) {
    replaceCoded(value.bytes);
    return;
  }
  for (const [at, octet] of value.bytes.entries()) value.bytes[at] = REPLACEMENTS.get(octet) ?? octet;
}

/** RFC 7541, 5.1. Larger integers than a block can hold make no sense here. */
function readInteger(block: Buffer, at: number, prefixBits: number): { value: number; end: number } | undefined {
  const mask = 2 ** prefixBits - 1;
  let value = (block[at] ?? 0) & mask;
  let end = at + 1;
  if (value < mask) return { value, end };
  for (let shift = 0; shift <= 21; shift += 7) {
    const byte = block[end++];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) << shift;
    if ((byte & 0x80) === 0) return { value, end };
  }
  return undefined;
}

/** RFC 7541, 5.2. */
function readString(block: Buffer, at: number): HpackString | undefined {
  if (at >= block.length) return undefined;
  const length = readInteger(block, at, 7);
  if (length === undefined || length.end + length.value > block.length) return undefined;
  const end = length.end + length.value;
  return { huffman: (block.readUInt8(at) & 0x80) !== 0, bytes: block.subarray(length.end, end), end };
}
