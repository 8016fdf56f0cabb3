import type { SignatureAlgorithm } from './algorithms.js';
import { headerLength, TAG, writeHeader } from './der.js';
import { derLengthOfRaw, writeDerOfRaw } from './ecdsa-signature.js';

/**
 * The signed certificate. `signature` is as our borders have it: ECDSA raw r||s. Everything is written into one allocation, the
 * ECDSA integers included; joining encoded pieces took as long as filling the template.
 */
export function signedCertificate(tbs: Uint8Array, algorithm: SignatureAlgorithm, signature: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(signedCertificateLength(tbs, algorithm, signature));
  writeSignedCertificate(tbs, algorithm, signature, out, 0);
  return out;
}

/** Length of `signedCertificate`. */
export function signedCertificateLength(tbs: Uint8Array, algorithm: SignatureAlgorithm, signature: Uint8Array): number {
  const content = contentLength(tbs, algorithm, signature);
  return headerLength(content) + content;
}

/** Writes `signedCertificate` at `begin`. */
export function writeSignedCertificate(
  tbs: Uint8Array,
  algorithm: SignatureAlgorithm,
  signature: Uint8Array,
  out: Uint8Array,
  begin: number,
): void {
  const { identifier, ecdsa } = algorithm;
  const bits = bitsLength(algorithm, signature);
  let at = writeHeader(out, begin, TAG.sequence, contentLength(tbs, algorithm, signature));
  out.set(tbs, at);
  at += tbs.length;
  out.set(identifier, at);
  at = writeHeader(out, at + identifier.length, TAG.bitString, bits);
  out[at++] = 0;
  if (ecdsa) writeDerOfRaw(signature, out, at);
  else out.set(signature, at);
}

function contentLength(tbs: Uint8Array, algorithm: SignatureAlgorithm, signature: Uint8Array): number {
  const bits = bitsLength(algorithm, signature);
  return tbs.length + algorithm.identifier.length + headerLength(bits) + bits;
}

/** One octet says that no bits are unused. */
function bitsLength({ ecdsa }: SignatureAlgorithm, signature: Uint8Array): number {
  return 1 + (ecdsa ? derLengthOfRaw(signature) : signature.length);
}
