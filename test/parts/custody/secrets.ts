import { randomBytes } from 'node:crypto';

/** Keys in the usual encodings; tokens of workloads have no business in a log either. */
const SHAPES: Readonly<Record<string, RegExp>> = {
  'a private key in PEM': /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  'a private EC key (PKCS #8, base64)': /MIGHAgEAMBMGByqGSM49|ME4CAQAwEAYHKoZIzj0CAQ|MIG2AgEAMBAGByqGSM49/,
  'a private RSA key (PKCS #8, base64)': /MIIEv[A-Za-z0-9+/]{3}IBADANBgkqhkiG9w0BAQEF/,
  'a private JWK': /"d"\s*:\s*"[A-Za-z0-9_-]{30,}"/,
};

/** Everything that one run knows and nothing may write, and everything that was written. */
export class SecretWatch {
  readonly #known = new Map<string, string>();
  readonly #written: { readonly by: string; readonly text: () => string }[] = [];

  /** A new secret that nothing else contains by chance. */
  make(name: string): string {
    const secret = randomBytes(18).toString('base64url');
    this.#known.set(name, secret);
    return secret;
  }

  know(name: string, secret: string): string {
    if (secret.length < 8) throw new Error(`${name} is too short to be looked for`);
    this.#known.set(name, secret);
    return secret;
  }

  /** `text` is asked when all is over. */
  watch(by: string, text: () => string): void {
    this.#written.push({ by, text });
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
      for (const [name, secret] of this.#known) {
        const forms = [secret, Buffer.from(secret).toString('base64').replace(/=+$/, ''), encodeURIComponent(secret)];
        if (forms.some((form) => written.includes(form))) throw new Error(`${by} wrote ${name}`);
      }
    }
    return looked;
  }
}
