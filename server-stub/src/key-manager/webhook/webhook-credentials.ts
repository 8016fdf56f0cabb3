import { certificatesOfPem } from 'spirl-agent/runtime/certificate-facts.js';
import type { Clock } from 'spirl-agent/runtime/clock.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import type { WebhookSettings } from './webhook-section.js';

/** A replaced file counts after this long at the latest; a signature must not cost two reads. */
const FRESH_MS = 10_000;

/** What a call shows, and what it believes. */
export interface Credentials {
  readonly token?: string;
  /** PEM. */
  readonly trustedCas?: string;
}

type Read = (path: string) => Promise<string>;

/** The token and the authorities of a webhook, from files that are read again now and then. */
export class WebhookCredentials {
  readonly #settings: WebhookSettings;
  readonly #read: Read;
  readonly #clock: Clock;
  #held: { readonly at: number; readonly credentials: Credentials } | undefined;

  constructor(settings: WebhookSettings, read: Read, clock: Clock) {
    this.#settings = settings;
    this.#read = read;
    this.#clock = clock;
  }

  /** Throws INVALID_CONFIG, naming the file and never what is in it, only while nothing usable was ever read. */
  async current(): Promise<Credentials> {
    const held = this.#held;
    if (held !== undefined && this.#clock.monotonic() - held.at < FRESH_MS) return held.credentials;
    return await this.reread().catch((error: unknown) => {
      // What worked may work still; when it does not, the service says so.
      if (held === undefined || !(error instanceof SpirlError)) throw error;
      this.#held = { at: this.#clock.monotonic(), credentials: held.credentials };
      return held.credentials;
    });
  }

  /** Reads now; for a token that was refused and may have been replaced. */
  async reread(): Promise<Credentials> {
    const { bearerTokenPath, caCertPath } = this.#settings;
    const credentials = {
      ...(bearerTokenPath !== undefined && { token: tokenOf(await this.#read(bearerTokenPath), bearerTokenPath) }),
      ...(caCertPath !== undefined && { trustedCas: casOf(await this.#read(caCertPath), caCertPath) }),
    };
    this.#held = { at: this.#clock.monotonic(), credentials };
    return credentials;
  }
}

function tokenOf(text: string, path: string): string {
  const token = text.trim();
  // RFC 6750 2.1, b64token.
  if (/^[A-Za-z0-9._~+/-]+=*$/.test(token)) return token;
  throw unusable(path, 'it holds no bearer token');
}

function casOf(pem: string, path: string): string {
  // An empty list would mean: nobody; a broken one is an obscure failure later.
  if (holdsCertificates(pem)) return pem;
  throw unusable(path, 'it holds no PEM certificate');
}

function holdsCertificates(pem: string): boolean {
  try {
    return certificatesOfPem(pem).length > 0;
  } catch {
    return false;
  }
}

function unusable(path: string, why: string): SpirlError {
  return new SpirlError('INVALID_CONFIG', `file ${JSON.stringify(path)} cannot be used: ${why}`);
}
