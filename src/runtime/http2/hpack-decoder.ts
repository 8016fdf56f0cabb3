import { ConnectionError, ErrorCode } from './frame.js';
import { STATIC_TABLE } from './hpack-static-table.js';
import { decodeHuffman } from './huffman.js';

/** Bytes of a table, as HPACK counts them, unless SETTINGS say otherwise; ours do not. */
export const DEFAULT_TABLE_BYTES = 4096;
/** Counted for each entry on top of its name and value (RFC 7541, 4.1). */
export const ENTRY_BYTES = 32;
/** Five octets hold more than any length or index here. */
const MAX_INTEGER_SHIFT = 21;

type Entry = readonly [name: string, value: string];

/** Decodes the header blocks of one connection, in the order in which they come (RFC 7541). Octets become characters of the same number. */
export class HpackDecoder {
  /** The newest entry is the first. */
  readonly #entries: Entry[] = [];
  #bytes = 0;
  #limit = DEFAULT_TABLE_BYTES;
  #block: Buffer = Buffer.alloc(0);
  #at = 0;

  /** Calls `field` for each field of a whole block. Throws COMPRESSION_ERROR. */
  decode(block: Buffer, field: (name: string, value: string) => void): void {
    this.#block = block;
    this.#at = 0;
    let fields = 0;
    while (this.#at < block.length) {
      const first = block.readUInt8(this.#at);
      if ((first & 0xe0) === 0x20) {
        if (fields > 0) throw broken('a table size after a field');
        this.#resize(this.#integer(5));
        continue;
      }
      fields += 1;
      const [name, value] = (first & 0x80) !== 0 ? this.#entry(this.#integer(7)) : this.#literal(first);
      field(name, value);
    }
    this.#block = NOTHING;
  }

  #literal(first: number): Entry {
    const indexing = (first & 0x40) !== 0;
    const index = this.#integer(indexing ? 6 : 4);
    const name = index === 0 ? this.#string() : this.#entry(index)[0];
    const entry: Entry = [name, this.#string()];
    if (indexing) this.#add(entry);
    return entry;
  }

  #entry(index: number): Entry {
    const found =
      index <= STATIC_TABLE.length ? STATIC_TABLE[index - 1] : this.#entries[index - STATIC_TABLE.length - 1];
    if (found === undefined) throw broken(`no entry ${index}`);
    return found;
  }

  #add(entry: Entry): void {
    this.#entries.unshift(entry);
    this.#bytes += sizeOf(entry);
    this.#evict();
  }

  #resize(limit: number): void {
    if (limit > DEFAULT_TABLE_BYTES) throw broken(`a table of ${limit} bytes`);
    this.#limit = limit;
    this.#evict();
  }

  /** An entry that is larger than the table empties it. */
  #evict(): void {
    while (this.#bytes > this.#limit) {
      const oldest = this.#entries.pop();
      if (oldest === undefined) return;
      this.#bytes -= sizeOf(oldest);
    }
  }

  /** RFC 7541, 5.1. */
  #integer(prefixBits: number): number {
    const mask = 2 ** prefixBits - 1;
    let value = this.#octet() & mask;
    if (value < mask) return value;
    for (let shift = 0; shift <= MAX_INTEGER_SHIFT; shift += 7) {
      const octet = this.#octet();
      value += (octet & 0x7f) << shift;
      if ((octet & 0x80) === 0) return value;
    }
    throw broken('an integer that is too large');
  }

  /** RFC 7541, 5.2. */
  #string(): string {
    const huffman = ((this.#block[this.#at] ?? 0) & 0x80) !== 0;
    const length = this.#integer(7);
    const end = this.#at + length;
    if (end > this.#block.length) throw broken('a string beyond its block');
    const start = this.#at;
    this.#at = end;
    if (!huffman) return this.#block.toString('latin1', start, end);
    const octets = decodeHuffman(this.#block.subarray(start, end));
    if (octets === undefined) throw broken('a string that is not Huffman-coded');
    return octets.toString('latin1');
  }

  #octet(): number {
    const octet = this.#block[this.#at++];
    if (octet === undefined) throw broken('the block ends within a field');
    return octet;
  }
}

const NOTHING = Buffer.alloc(0);

function sizeOf([name, value]: Entry): number {
  return name.length + value.length + ENTRY_BYTES;
}

function broken(reason: string): ConnectionError {
  return new ConnectionError(ErrorCode.COMPRESSION_ERROR, `header block: ${reason}`);
}
