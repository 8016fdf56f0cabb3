import type { SignatureAlgorithm } from './algorithms.js';
import { headerLength, TAG, writeHeader } from './der.js';
import { derLengthOfRaw, writeDerOfRaw } from './ecdsa-signature.js';

/**
 * The signed certificate. `signature` is as our borders have it: ECDSA raw r||s. Everything is written into one allocation, the
 * ECDSA integers included; joining encoded pieces took as long as filling the template.
 */
export function signedCertificate(tbs: Uint8Array, algorithm: SignatureAlgorithm, signature: Uint8Array): Buffer {
  const { identifier, ecdsa } = algorithm;
  const signatureLength = ecdsa ? derLengthOfRaw(signature) : signature.length;
  // One octet says that no bits are unused.
  const bits = 1 + signatureLength;
  const content = tbs.length + identifier.length + headerLength(bits) + bits;
  const out = Buffer.allocUnsafe(headerLength(content) + content);
  let at = writeHeader(out, 0, TAG.sequence, content);
  out.set(tbs, at);
  at += tbs.length;
  out.set(identifier, at);
  at = writeHeader(out, at + identifier.length, TAG.bitString, bits);
  out[at++] = 0;
  if (ecdsa) writeDerOfRaw(signature, out, at);
  else out.set(signature, at);
  return out;
}
