import type { webcrypto } from 'node:crypto';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import * as x509 from 'spirl-agent/runtime/x509.js';
import { caConstraints, caSubject } from './ca-profile.js';
import { KEY_ALGORITHMS, signingThrough } from './key-algorithms.js';
import type { CaRequest } from './upstream-authority.js';

/**
 * PKCS#10 (DER) for a keyset's CA, signed with the keyset's key wherever it lives. It asks for what our CA must be; what the
 * authority makes of that is checked in its answer. Throws KEY_SERVICE_UNAVAILABLE for a signature that does not verify.
 */
export async function createCertificateRequest(
  { key, keysetId, trustDomain }: CaRequest,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const algorithm = KEY_ALGORITHMS[key.type];
  const keys = { publicKey: { algorithm }, privateKey: { algorithm } } as unknown as webcrypto.CryptoKeyPair;
  const request = await x509.Pkcs10CertificateRequestGenerator.create(
    {
      name: caSubject(keysetId, trustDomain),
      keys,
      signingAlgorithm: algorithm,
      extensions: caConstraints(trustDomain),
    },
    signingThrough(key, signal),
  );
  if (await request.verify()) return new Uint8Array(request.rawData);
  throw new SpirlError('KEY_SERVICE_UNAVAILABLE', `the signature made with key ${key.id} does not verify`);
}

/** PEM text of a request in DER. */
export function requestPem(csr: Uint8Array): string {
  const lines =
    Buffer.from(csr)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE REQUEST-----\n${lines.join('\n')}\n-----END CERTIFICATE REQUEST-----\n`;
}
