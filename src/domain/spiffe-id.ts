import { SpirlError } from '../runtime/errors.js';

const PATTERN = /^spiffe:\/\/([a-z0-9._-]{1,255})((?:\/[A-Za-z0-9._-]+)*)$/;
/** SPIFFE-ID 2.3: longer ones must not be generated and need not be read. */
const MAX_BYTES = 2048;

/** A SPIFFE ID, parsed; its text is pure ASCII. */
export class SpiffeId {
  readonly trustDomain: string;
  /** Empty for the trust domain itself, else begins with `/`. */
  readonly path: string;
  private constructor(trustDomain: string, path: string) {
    this.trustDomain = trustDomain;
    this.path = path;
  }
  /** Throws INVALID_SPIFFE_ID. */
  static parse(text: string): SpiffeId {
    const [, trustDomain, path] = (text.length <= MAX_BYTES && PATTERN.exec(text)) || [];
    if (trustDomain === undefined || path === undefined || /\/\.{1,2}(\/|$)/.test(path)) {
      throw new SpirlError('INVALID_SPIFFE_ID', `not a SPIFFE ID: ${JSON.stringify(text.slice(0, 300))}`);
    }
    return new SpiffeId(trustDomain, path);
  }
  toString(): string {
    return `spiffe://${this.trustDomain}${this.path}`;
  }
}
