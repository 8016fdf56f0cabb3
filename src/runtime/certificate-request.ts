import { createPublicKey, generateKeyPair, sign } from 'node:crypto';
import { promisify } from 'node:util';
import { SpirlError } from './errors.js';

/** A P-256 request without attributes has about 200 bytes. */
const MAX_BYTES = 8192;
/** CertificationRequestInfo of a P-256 key: version 0, an empty subject, the key, no attributes. Around the key of 91 octets. */
const INFO_HEAD = Buffer.from('30620201003000', 'hex');
const INFO_TAIL = Buffer.from('a000', 'hex');
/** AlgorithmIdentifier ecdsa-with-SHA256. */
const ECDSA_SHA256 = Buffer.from('300a06082a8648ce3d040302', 'hex');

const generateKeys = promisify(generateKeyPair);

/** A fresh P-256 key and a request signed with it. */
export interface KeyAndRequest {
  /** PKCS#10, DER. */
  readonly csr: Buffer;
  /** PKCS#8, DER, unencrypted. */
  readonly privateKey: Buffer;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKeySpki: Buffer;
}

/**
 * Makes a P-256 key and its certificate request. The subject is empty: who it is for is decided by the issuer. Written out by
 * hand, so that an agent need not load a library for certificates.
 */
export async function createKeyAndRequest(): Promise<KeyAndRequest> {
  const { privateKey, publicKey } = await generateKeys('ec', { namedCurve: 'P-256' });
  const publicKeySpki = publicKey.export({ format: 'der', type: 'spki' });
  const info = Buffer.concat([INFO_HEAD, publicKeySpki, INFO_TAIL]);
  const signature = sign('sha256', info, privateKey);
  // All lengths are below 128 but that of the whole, which is from 186 to 188.
  const bitString = Buffer.concat([Buffer.of(0x03, signature.length + 1, 0), signature]);
  const content = Buffer.concat([info, ECDSA_SHA256, bitString]);
  return {
    csr: Buffer.concat([Buffer.of(0x30, 0x81, content.length), content]),
    privateKey: privateKey.export({ format: 'der', type: 'pkcs8' }),
    publicKeySpki,
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
  // Only a server reads requests.
  const { Pkcs10CertificateRequest } = await import('./x509.js');
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
