import { createPublicKey, randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import type { Clock } from 'spirl-agent/runtime/clock.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import * as x509 from 'spirl-agent/runtime/x509.js';
import type { KeyType, SigningKey } from '../domain/signing-key.js';
import type { CaRequest, MintedCa, UpstreamAuthority } from './upstream-authority.js';

/** A verifier's clock may be behind ours by this much. */
const BACKDATE_MS = 60_000;
/** RFC 5280 A.1, ub-organization-name; a trust domain's name may be longer. */
const MAX_ORGANIZATION = 64;

/** As the certificate library names what each key type does. */
const ALGORITHMS = {
  'EC-P256': { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  'EC-P384': { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' },
  'RSA-2048': { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
} as const satisfies Record<KeyType, object>;

/** The default: each keyset's CA certificate is signed by its own key and is itself the trust anchor. */
export function createSelfSigned({ clock }: { readonly clock: Clock }): UpstreamAuthority {
  return { mintCa: (request, signal) => mintSelfSigned(request, clock.now(), signal) };
}

/** Throws KEY_SERVICE_UNAVAILABLE when the signature does not verify with the key. */
async function mintSelfSigned(request: CaRequest, now: number, signal: AbortSignal): Promise<MintedCa> {
  const { key, keysetId, trustDomain, preferredTtlMs } = request;
  const name = subjectOf(keysetId, trustDomain.name);
  const notAfter = wholeSeconds(now + preferredTtlMs);
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: randomSerial(),
      subject: name,
      issuer: name,
      notBefore: new Date(wholeSeconds(now - BACKDATE_MS)),
      notAfter: new Date(notAfter),
      publicKey: new x509.PublicKey(key.publicKeySpki),
      signingAlgorithm: ALGORITHMS[key.type],
      signingKey: { algorithm: ALGORITHMS[key.type] },
      extensions: await extensionsOf(key, trustDomain.id),
    },
    signingThrough(key, signal),
  );
  const caCertificate = new Uint8Array(certificate.rawData);
  requireOwnSignature(caCertificate, key);
  return { caCertificate, intermediates: [], x509Authorities: [caCertificate], notAfter };
}

/** The common name is the keyset's id, so that a chain says which keyset signed. */
function subjectOf(keysetId: string, trustDomain: string): x509.Name {
  const organization = trustDomain.length <= MAX_ORGANIZATION ? [{ O: [trustDomain] }] : [];
  return new x509.Name([...organization, { CN: [keysetId] }]);
}

async function extensionsOf(key: SigningKey, trustDomainId: string): Promise<x509.Extension[]> {
  return [
    new x509.BasicConstraintsExtension(true, 0, true),
    // X509-SVID appendix A: no other bit on a certificate that signs.
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    await x509.SubjectKeyIdentifierExtension.create(new x509.PublicKey(key.publicKeySpki), false, webcrypto),
    new x509.SubjectAlternativeNameExtension([{ type: 'url', value: trustDomainId }]),
  ];
}

/** Hex of 16 octets with the top bits 01: positive and in minimal form. */
function randomSerial(): string {
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  return serial.toString('hex');
}

/** The library signs through a Crypto object; this one asks the key, wherever it lives. Both speak raw r||s. */
function signingThrough(key: SigningKey, signal: AbortSignal): webcrypto.Crypto {
  const sign = async (_algorithm: unknown, _key: unknown, data: ArrayBuffer): Promise<ArrayBuffer> =>
    Uint8Array.from(await key.sign(new Uint8Array(data), signal)).buffer;
  return { subtle: { sign } } as unknown as webcrypto.Crypto;
}

function requireOwnSignature(certificate: Uint8Array, key: SigningKey): void {
  const publicKey = createPublicKey({ key: Buffer.from(key.publicKeySpki), format: 'der', type: 'spki' });
  if (new X509Certificate(certificate).verify(publicKey)) return;
  throw new SpirlError('KEY_SERVICE_UNAVAILABLE', `the signature made with key ${key.id} does not verify`);
}

function wholeSeconds(ms: number): number {
  return Math.floor(ms / 1000) * 1000;
}
