import { createPublicKey, X509Certificate } from 'node:crypto';
import type { Clock } from 'spirl-agent/runtime/clock.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import * as x509 from 'spirl-agent/runtime/x509.js';
import type { SigningKey } from '../domain/signing-key.js';
import { BACKDATE_MS, caConstraints, caSubject, randomSerial, subjectKeyId, wholeSeconds } from './ca-profile.js';
import { KEY_ALGORITHMS, signingThrough } from './key-algorithms.js';
import type { CaRequest, MintedCa, UpstreamAuthority } from './upstream-authority.js';

/** The default: each keyset's CA certificate is signed by its own key and is itself the trust anchor. */
export function createSelfSigned({ clock }: { readonly clock: Clock }): UpstreamAuthority {
  return { mintCa: (request, signal) => mintSelfSigned(request, clock.now(), signal) };
}

/** Throws KEY_SERVICE_UNAVAILABLE when the signature does not verify with the key. */
async function mintSelfSigned(request: CaRequest, now: number, signal: AbortSignal): Promise<MintedCa> {
  const { key, keysetId, trustDomain, preferredTtlMs } = request;
  const name = caSubject(keysetId, trustDomain);
  const notAfter = wholeSeconds(now + preferredTtlMs);
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: randomSerial(),
      subject: name,
      issuer: name,
      notBefore: new Date(wholeSeconds(now - BACKDATE_MS)),
      notAfter: new Date(notAfter),
      publicKey: new x509.PublicKey(key.publicKeySpki),
      signingAlgorithm: KEY_ALGORITHMS[key.type],
      signingKey: { algorithm: KEY_ALGORITHMS[key.type] },
      extensions: [...caConstraints(trustDomain), await subjectKeyId(key)],
    },
    signingThrough(key, signal),
  );
  const caCertificate = new Uint8Array(certificate.rawData);
  requireOwnSignature(caCertificate, key);
  return { caCertificate, intermediates: [], x509Authorities: [caCertificate], notAfter };
}

function requireOwnSignature(certificate: Uint8Array, key: SigningKey): void {
  const publicKey = createPublicKey({ key: Buffer.from(key.publicKeySpki), format: 'der', type: 'spki' });
  if (new X509Certificate(certificate).verify(publicKey)) return;
  throw new SpirlError('KEY_SERVICE_UNAVAILABLE', `the signature made with key ${key.id} does not verify`);
}
