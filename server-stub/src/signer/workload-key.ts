import { createECDH } from 'node:crypto';

/** SubjectPublicKeyInfo of a P-256 key up to its point. */
export const P256_SPKI_PREFIX = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex');
/** Octets of an uncompressed P-256 point. */
export const P256_POINT_LENGTH = 65;
const SCALAR_LENGTH = 32;
const PKCS8_PREFIX = Buffer.from('308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420', 'hex');
/** `[1] { BIT STRING`, what stands between scalar and point. */
const PKCS8_MIDDLE = Buffer.from('a144034200', 'hex');

/** A workload's key pair. */
export interface WorkloadKey {
  /** Uncompressed point. */
  readonly publicPoint: Buffer;
  /** PKCS#8 DER, unencrypted. */
  readonly privateKey: Buffer;
}

/** Makes P-256 keys. One reused ECDH object and templates for the encodings: key objects cost 20 times as much. */
export class WorkloadKeys {
  readonly #ecdh = createECDH('prime256v1');

  next(): WorkloadKey {
    // Never from the shared pool: what lies beside it there is not ours to expose.
    const privateKey = Buffer.alloc(PKCS8_LENGTH);
    return { publicPoint: this.nextInto(privateKey, 0), privateKey };
  }

  /** Writes the PKCS#8 of a new key at `at`, where there are zeros; returns its uncompressed point. */
  nextInto(out: Buffer, at: number): Buffer {
    const publicPoint = this.#ecdh.generateKeys();
    const scalar = this.#ecdh.getPrivateKey();
    writePkcs8(scalar, publicPoint, out, at);
    scalar.fill(0);
    return publicPoint;
  }
}

/** Octets of the PKCS#8 of a P-256 key. */
export const PKCS8_LENGTH = PKCS8_PREFIX.length + SCALAR_LENGTH + PKCS8_MIDDLE.length + P256_POINT_LENGTH;

/**
 * Writes PKCS#8 of a P-256 key at `at`, where there are zeros. The scalar comes without its leading zeros, once in 256 keys shorter
 * than 32 octets.
 */
export function writePkcs8(scalar: Uint8Array, publicPoint: Uint8Array, out: Uint8Array, at: number): void {
  const scalarEnd = at + PKCS8_PREFIX.length + SCALAR_LENGTH;
  out.set(PKCS8_PREFIX, at);
  out.set(scalar, scalarEnd - scalar.length);
  out.set(PKCS8_MIDDLE, scalarEnd);
  out.set(publicPoint, scalarEnd + PKCS8_MIDDLE.length);
}
