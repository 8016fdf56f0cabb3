import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Keys in the usual encodings; tokens of workloads have no business in a log either. */
const SHAPES: Readonly<Record<string, RegExp>> = {
  'a private key in PEM': /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  'a private EC key (PKCS #8, base64)': /MIGHAgEAMBMGByqGSM49|ME4CAQAwEAYHKoZIzj0CAQ|MIG2AgEAMBAGByqGSM49/,
  'a private RSA key (PKCS #8, base64)': /MIIEv[A-Za-z0-9+/]{3}IBADANBgkqhkiG9w0BAQEF/,
  'a private JWK': /"d"\s*:\s*"[A-Za-z0-9_-]{30,}"/,
};

/** Everything that one run knows and nothing may write, and everything that was written. */
export class SecretWatch {
  readonly #known = new Map<string, readonly string[]>();
  readonly #written: { readonly by: string; readonly text: () => string }[] = [];

  /** A new secret that nothing else contains by chance. */
  make(name: string): string {
    return this.know(name, randomBytes(18).toString('base64url'));
  }

  /** A text, or octets such as a key's; each in every encoding that somebody may write it in. */
  know<T extends string | Uint8Array>(name: string, secret: T): T {
    if (secret.length < 8) throw new Error(`${name} is too short to be looked for`);
    this.#known.set(name, formsOf(secret));
    return secret;
  }

  /** `text` is asked when all is over. */
  watch(by: string, text: () => string): void {
    this.#written.push({ by, text });
  }

  /** Every file below a directory, as it is now, but those of `except`: where a secret belongs. */
  watchFiles(by: string, directory: string, except: readonly string[] = []): void {
    const text = readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !except.includes(entry.name))
      .map((entry) => `${entry.name}\n${readFileSync(join(entry.parentPath, entry.name), 'latin1')}`)
      .join('\n');
    this.watch(by, () => text);
  }

  /** Everybody who wrote something, for tests of the search itself. */
  get writers(): readonly string[] {
    return this.#written.map(({ by }) => by);
  }

  /** Characters looked through; throws, naming secret and writer, when one was written. */
  check(): number {
    let looked = 0;
    for (const { by, text } of this.#written) {
      const written = text();
      looked += written.length;
      for (const [name, shape] of Object.entries(SHAPES)) {
        if (shape.test(written)) throw new Error(`${by} wrote ${name}`);
      }
      for (const [name, forms] of this.#known) {
        if (forms.some((form) => written.includes(form))) throw new Error(`${by} wrote ${name}`);
      }
    }
    return looked;
  }
}

function formsOf(secret: string | Uint8Array): readonly string[] {
  const bytes = Buffer.from(secret);
  const [hex, base64] = [bytes.toString('hex'), bytes.toString('base64').replace(/=+$/, '')];
  const encoded = [hex, hex.toUpperCase(), base64, bytes.toString('base64url')];
  if (typeof secret !== 'string') return [...encoded, bytes.toString('latin1')];
  return [...encoded, secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)];
}
