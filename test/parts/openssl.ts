import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { certificatePem } from '../../src/runtime/certificate-facts.js';

/** Output of the openssl program; throws with its complaint when it fails. */
export function openssl(...args: readonly string[]): string {
  return execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

interface Chain {
  /** DER: the certificate, then what is between it and a root. */
  readonly chain: readonly Uint8Array[];
  readonly roots: readonly Uint8Array[];
}

/** Verifies strictly with only the roots trusted; throws with openssl's complaint. Returns the first certificate as text. */
export function opensslVerify({ chain: [first = new Uint8Array(), ...rest], roots }: Chain): string {
  const directory = mkdtempSync(join(tmpdir(), 'spirl-openssl-'));
  try {
    const file = (name: string, ders: readonly Uint8Array[]): string => {
      const path = join(directory, name);
      writeFileSync(path, ders.map(certificatePem).join(''));
      return path;
    };
    const [leaf, between, trusted] = [file('leaf', [first]), file('between', rest), file('roots', roots)];
    const untrusted = rest.length === 0 ? [] : ['-untrusted', between];
    openssl('verify', '-x509_strict', '-no-CApath', '-no-CAstore', '-CAfile', trusted, ...untrusted, leaf);
    return openssl('x509', '-in', leaf, '-noout', '-text');
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
