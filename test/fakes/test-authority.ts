import { createHash, generateKeyPairSync, randomBytes, sign, webcrypto, type KeyObject } from 'node:crypto';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  AuthorityKeyIdentifierExtension,
  X509CertificateGenerator,
  type Extension,
} from '../../src/runtime/x509.js';

const P256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const HOUR = 3_600_000;

/** An X.509-SVID as it goes over the wire. */
export interface IssuedSvid {
  readonly spiffeId: string;
  /** DER: leaf, then the CA. */
  readonly chain: readonly Buffer[];
  readonly key: Buffer;
}

export interface LeafOptions {
  readonly spiffeId?: string;
  readonly lifetimeMs?: number;
  /** Replaces the extensions of a correct leaf. */
  readonly extensions?: (correct: Extension[]) => Extension[];
}

/** A signing authority for tests, made with other code than the product's. */
export class TestAuthority {
  readonly trustDomain: string;
  readonly keysetId: string;
  readonly certificate: Buffer;
  readonly #keys: webcrypto.CryptoKeyPair;
  readonly #jwt: { privateKey: KeyObject; publicKey: KeyObject };
  private constructor(trustDomain: string, keysetId: string, keys: webcrypto.CryptoKeyPair, certificate: Buffer) {
    this.trustDomain = trustDomain;
    this.keysetId = keysetId;
    this.#keys = keys;
    this.certificate = certificate;
    this.#jwt = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  }

  static async create(trustDomain = 'example.org', keysetId = `ks_${randomId(10)}`): Promise<TestAuthority> {
    const keys = await webcrypto.subtle.generateKey(P256, true, ['sign', 'verify']);
    const certificate = await X509CertificateGenerator.createSelfSigned({
      serialNumber: serial(),
      name: `CN=${keysetId}, O=${trustDomain}`,
      notBefore: new Date(Date.now() - 60_000),
      notAfter: new Date(Date.now() + 90 * 24 * HOUR),
      signingAlgorithm: P256,
      keys,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        await SubjectKeyIdentifierExtension.create(keys.publicKey),
        new SubjectAlternativeNameExtension([{ type: 'url', value: `spiffe://${trustDomain}` }]),
      ],
    });
    return new TestAuthority(trustDomain, keysetId, keys, Buffer.from(certificate.rawData));
  }

  async issue(options: LeafOptions = {}): Promise<IssuedSvid> {
    const spiffeId = options.spiffeId ?? `spiffe://${this.trustDomain}/workload`;
    const keys = await webcrypto.subtle.generateKey(P256, true, ['sign', 'verify']);
    const extensions: Extension[] = [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(this.#keys.publicKey),
      new SubjectAlternativeNameExtension([{ type: 'url', value: spiffeId }], true),
    ];
    const leaf = await X509CertificateGenerator.create({
      serialNumber: serial(),
      issuer: `CN=${this.keysetId}, O=${this.trustDomain}`,
      subject: '',
      notBefore: new Date(Date.now() - 60_000),
      notAfter: new Date(Date.now() + (options.lifetimeMs ?? 24 * HOUR)),
      signingAlgorithm: P256,
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      extensions: options.extensions?.(extensions) ?? extensions,
    });
    const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
    return { spiffeId, chain: [Buffer.from(leaf.rawData), this.certificate], key };
  }

  /** A JWT-SVID; `header` and `claims` are laid over those of a correct one. */
  issueJwt(audience: readonly string[], claims: object = {}, header: object = {}): string {
    const now = Math.floor(Date.now() / 1000);
    const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const input = [
      encode({ alg: 'ES256', kid: this.keysetId, typ: 'JWT', ...header }),
      encode({ sub: `spiffe://${this.trustDomain}/workload`, aud: audience, iat: now, exp: now + 300, ...claims }),
    ].join('.');
    const signature = sign('sha256', Buffer.from(input), { key: this.#jwt.privateKey, dsaEncoding: 'ieee-p1363' });
    return `${input}.${signature.toString('base64url')}`;
  }

  get jwk(): Record<string, unknown> {
    return { ...this.#jwt.publicKey.export({ format: 'jwk' }), kid: this.keysetId };
  }
  get jwks(): Buffer {
    return Buffer.from(JSON.stringify({ keys: [this.jwk] }));
  }
  /** SHA-256 of the CA certificate, hex. */
  get fingerprint(): string {
    return createHash('sha256').update(this.certificate).digest('hex');
  }
}

function serial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}

function randomId(length: number): string {
  return [...randomBytes(length)].map((byte) => 'abcdefghijklmnopqrstuvwxyz0123456789'.charAt(byte % 36)).join('');
}
