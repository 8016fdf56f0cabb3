import { createPublicKey, webcrypto } from 'node:crypto';
import { SpirlError } from './errors.js';
import { Pkcs10CertificateRequest, Pkcs10CertificateRequestGenerator } from './x509.js';

const P256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
/** A P-256 request without attributes has about 200 bytes. */
const MAX_BYTES = 8192;

/** A fresh P-256 key and a request signed with it. */
export interface KeyAndRequest {
  /** PKCS#10, DER. */
  readonly csr: Buffer;
  /** PKCS#8, DER, unencrypted. */
  readonly privateKey: Buffer;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKeySpki: Buffer;
}

/** Makes a P-256 key and its certificate request. The subject is empty: who it is for is decided by the issuer. */
export async function createKeyAndRequest(): Promise<KeyAndRequest> {
  const keys = await webcrypto.subtle.generateKey(P256, true, ['sign', 'verify']);
  const request = await Pkcs10CertificateRequestGenerator.create({ name: '', keys, signingAlgorithm: P256 });
  return {
    csr: Buffer.from(request.rawData),
    privateKey: Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)),
    publicKeySpki: Buffer.from(await webcrypto.subtle.exportKey('spki', keys.publicKey)),
  };
}

/**
 * SubjectPublicKeyInfo (DER) of a P-256 certificate request whose signature proves possession of the key. Everything else
 * that the request asks for is ignored. Throws INVALID_REQUEST.
 */
export async function publicKeyOfRequest(csr: Uint8Array): Promise<Buffer> {
  const refuse = (reason: string, cause?: unknown): SpirlError =>
    new SpirlError('INVALID_REQUEST', `the certificate request ${reason}`, { cause });
  if (csr.length === 0 || csr.length > MAX_BYTES) throw refuse(`must have 1 to ${MAX_BYTES} bytes`);
  let spki: Buffer;
  let proven: boolean;
  try {
    const request = new Pkcs10CertificateRequest(csr);
    spki = Buffer.from(request.publicKey.rawData);
    proven = await request.verify();
  } catch (error) {
    throw refuse('is not a PKCS#10 request in DER', error);
  }
  const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw refuse('must be for a P-256 key');
  }
  if (!proven) throw refuse('is not signed with its own key');
  return spki;
}
