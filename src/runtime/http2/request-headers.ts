import { ENTRY_BYTES } from './hpack-decoder.js';

/** Fields by name, in lower case; several of one name are one value, joined by `, `. */
export type HeaderFields = Readonly<Record<string, string | undefined>>;

/** Most bytes of a request's header list, counted as HPACK counts them. */
export const MAX_HEADER_LIST_BYTES = 64 * 1024;

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const PSEUDO = new Set([':method', ':scheme', ':path', ':authority']);
/** RFC 9113, 8.2.2: they speak of a connection of HTTP/1. */
const OF_A_CONNECTION = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade']);
const BAD_VALUE = /[\0\r\n]|^[\t ]|[\t ]$/;

/** Gathers the fields of one request, or of its trailers, and notices what no request may have (RFC 9113, 8.2 and 8.3). */
export class RequestHeaders {
  readonly fields: Record<string, string | undefined> = Object.create(null) as Record<string, string | undefined>;
  readonly #trailers: boolean;
  #bytes = 0;
  #regular = false;
  #malformed = false;

  constructor(trailers: boolean) {
    this.#trailers = trailers;
  }

  /** More fields than anybody needs; those beyond the limit are not kept. */
  get tooLarge(): boolean {
    return this.#bytes > MAX_HEADER_LIST_BYTES;
  }

  /** Bytes of the body, where it is said how many. */
  get contentLength(): number | undefined {
    const text = this.fields['content-length'];
    return text === undefined ? undefined : Number(text);
  }

  get malformed(): boolean {
    return this.#malformed || (!this.#trailers && !this.#complete());
  }

  add(name: string, value: string): void {
    this.#bytes += name.length + value.length + ENTRY_BYTES;
    if (this.tooLarge) return;
    if (name.startsWith(':')) this.#pseudo(name, value);
    else this.#field(name, value);
  }

  #pseudo(name: string, value: string): void {
    const misplaced = this.#trailers || this.#regular;
    if (misplaced || !PSEUDO.has(name) || this.fields[name] !== undefined || BAD_VALUE.test(value)) {
      this.#malformed = true;
    }
    this.fields[name] = value;
  }

  #field(name: string, value: string): void {
    this.#regular = true;
    if (!TOKEN.test(name) || BAD_VALUE.test(value) || OF_A_CONNECTION.has(name)) this.#malformed = true;
    if (name === 'te' && value !== 'trailers') this.#malformed = true;
    if (name === 'content-length' && !/^\d{1,15}$/.test(value)) this.#malformed = true;
    const before = this.fields[name];
    if (name === 'content-length' && before !== undefined) this.#malformed = true;
    this.fields[name] = before === undefined ? value : `${before}, ${value}`;
  }

  #complete(): boolean {
    if (this.fields[':method'] === 'CONNECT') return this.fields[':scheme'] === undefined;
    return [':method', ':scheme', ':path'].every((name) => (this.fields[name] ?? '') !== '');
  }
}
