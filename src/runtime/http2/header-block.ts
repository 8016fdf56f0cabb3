import { STATIC_TABLE } from './hpack-static-table.js';

/** What a header block begins with when the peer's table got smaller than the one we would use: ours is empty from now on. */
export const EMPTY_TABLE = Buffer.of(0x20);

/**
 * A header block that leaves no trace in the peer's table, so that it can be made once and sent on any connection: plain strings,
 * never indexed. Names are in lower case; characters are octets.
 */
export function headerBlock(fields: Iterable<readonly [name: string, value: string]>): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of fields) {
    const whole = STATIC_TABLE.findIndex(([known, its]) => known === name && its === value && its !== '') + 1;
    if (whole > 0) {
      parts.push(Buffer.of(0x80 | whole));
      continue;
    }
    const index = STATIC_TABLE.findIndex(([known]) => known === name) + 1;
    if (index > 0) parts.push(integer(index, 4, 0), text(value));
    else parts.push(Buffer.of(0), text(name), text(value));
  }
  return Buffer.concat(parts);
}

function text(value: string): Buffer {
  const octets = Buffer.from(value, 'latin1');
  return Buffer.concat([integer(octets.length, 7, 0), octets]);
}

/** RFC 7541, 5.1, with `flags` in the bits before the prefix. */
function integer(value: number, prefixBits: number, flags: number): Buffer {
  const mask = 2 ** prefixBits - 1;
  if (value < mask) return Buffer.of(flags | value);
  const octets = [flags | mask];
  let rest = value - mask;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) octets.push((rest % 0x80) | 0x80);
  octets.push(rest);
  return Buffer.from(octets);
}
