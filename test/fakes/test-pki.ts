import { generateKeyPairSync, randomBytes, webcrypto, type KeyObject } from 'node:crypto';
import { certificatePem } from '../../src/runtime/certificate-facts.js';
import * as x509 from '../../src/runtime/x509.js';

const HOUR = 3_600_000;

/** How a certificate differs from a correct one. Times are milliseconds since the epoch. */
export interface CertificateOptions {
  readonly now: number;
  readonly notBefore?: number;
  readonly notAfter?: number;
  readonly subject?: string;
  /** Undefined: no limit. */
  readonly pathLength?: number | undefined;
  readonly ca?: boolean;
  readonly keyUsage?: x509.KeyUsagesExtension;
  readonly hash?: string;
  readonly curve?: 'P-256' | 'P-384' | 'P-521';
  readonly rsaBits?: number;
  readonly uris?: readonly string[];
  readonly dns?: readonly string[];
  readonly more?: readonly x509.Extension[];
  /** Extensions of these OIDs are left out. */
  readonly without?: readonly string[];
}

/** A certificate authority for tests, made with other code than the product's. */
export class TestCa {
  readonly der: Buffer;
  readonly keys: webcrypto.CryptoKeyPair;
  readonly #parsed: x509.X509Certificate;
  private constructor(certificate: x509.X509Certificate, keys: webcrypto.CryptoKeyPair) {
    this.#parsed = certificate;
    this.der = Buffer.from(certificate.rawData);
    this.keys = keys;
  }

  static async root(name: string, options: CertificateOptions): Promise<TestCa> {
    const keys = await makeKeys(options);
    const certificate = await certify(keys.publicKey, undefined, keys, { subject: `CN=${name}`, ...options });
    return new TestCa(certificate, keys);
  }

  /** A CA below this one. */
  async sub(name: string, options: CertificateOptions): Promise<TestCa> {
    const keys = await makeKeys(options);
    const certificate = await certify(keys.publicKey, this.#parsed, this.keys, { subject: `CN=${name}`, ...options });
    return new TestCa(certificate, keys);
  }

  /** DER of a certificate for somebody's public key (SPKI). */
  async certify(spki: Uint8Array, options: CertificateOptions): Promise<Buffer> {
    const key = new x509.PublicKey(Uint8Array.from(spki));
    const certificate = await certify(key, this.#parsed, this.keys, { subject: 'CN=ks_aaaaaaaaaa', ...options });
    return Buffer.from(certificate.rawData);
  }

  get pem(): string {
    return certificatePem(this.der);
  }
  async keyPem(): Promise<string> {
    const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', this.keys.privateKey)).toString('base64');
    return `-----BEGIN PRIVATE KEY-----\n${der}\n-----END PRIVATE KEY-----\n`;
  }
}

/** A private key that belongs to nobody's certificate. */
export function strayKey(): { readonly pem: string; readonly key: KeyObject } {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { pem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), key: privateKey };
}

function algorithmOf({ curve = 'P-256', hash = 'SHA-256', rsaBits }: CertificateOptions): webcrypto.EcKeyGenParams & {
  hash: string;
} {
  if (rsaBits === undefined) return { name: 'ECDSA', namedCurve: curve, hash };
  const rsa = { name: 'RSASSA-PKCS1-v1_5', modulusLength: rsaBits, publicExponent: new Uint8Array([1, 0, 1]), hash };
  return rsa as unknown as ReturnType<typeof algorithmOf>;
}

function makeKeys(options: CertificateOptions): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithmOf(options), true, ['sign', 'verify']);
}

async function certify(
  publicKey: webcrypto.CryptoKey | x509.PublicKey,
  issuer: x509.X509Certificate | undefined,
  signer: webcrypto.CryptoKeyPair,
  options: CertificateOptions & { readonly subject: string },
): Promise<x509.X509Certificate> {
  const { now, subject, ca = true, without = [], uris = [], dns = [], more = [] } = options;
  const names = [...uris.map((value) => ({ type: 'url', value })), ...dns.map((value) => ({ type: 'dns', value }))];
  const extensions = [
    new x509.BasicConstraintsExtension(ca, options.pathLength, true),
    options.keyUsage ?? new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    await x509.SubjectKeyIdentifierExtension.create(publicKey),
    await x509.AuthorityKeyIdentifierExtension.create(signer.publicKey),
    ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names as x509.JsonGeneralNames)]),
    ...more,
  ].filter(({ type }) => !without.includes(type));
  const { hash = 'SHA-256' } = options;
  return x509.X509CertificateGenerator.create({
    serialNumber: `4${randomBytes(15).toString('hex')}0`,
    subject,
    issuer: issuer?.subjectName ?? subject,
    notBefore: new Date(options.notBefore ?? now - HOUR),
    notAfter: new Date(options.notAfter ?? now + 10 * 365 * 24 * HOUR),
    publicKey,
    signingKey: signer.privateKey,
    signingAlgorithm: { ...signer.privateKey.algorithm, hash } as webcrypto.EcdsaParams,
    extensions,
  });
}

/** Key usage of a self-signed server certificate that is its own authority. */
export function serverUsage(): x509.KeyUsagesExtension {
  return new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyCertSign, true);
}
