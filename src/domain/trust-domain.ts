import { SpirlError } from '../runtime/errors.js';

/** SPIFFE-ID 2.1, 2.3: lower case, at most 255 bytes, no port, no user info. */
const PATTERN = /^[a-z0-9._-]{1,255}$/;

/** Name of a trust domain, parsed. */
export class TrustDomain {
  readonly name: string;
  private constructor(name: string) {
    this.name = name;
  }
  /** Throws INVALID_SPIFFE_ID. */
  static parse(text: string): TrustDomain {
    if (!PATTERN.test(text)) {
      throw new SpirlError(
        'INVALID_SPIFFE_ID',
        `not a trust domain name: ${JSON.stringify(text.slice(0, 300))} (1 to 255 of a-z, 0-9, '.', '-', '_')`,
      );
    }
    return new TrustDomain(text);
  }
  /** `spiffe://<name>` */
  get id(): string {
    return `spiffe://${this.name}`;
  }
}
