import { createECDH, randomBytes, type KeyObject } from 'node:crypto';

/** Orders of the base points (FIPS 186-4, D.1.2). */
const CURVES = {
  'P-256': { name: 'prime256v1', order: 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551' },
  'P-384': {
    name: 'secp384r1',
    order: 'ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973',
  },
} as const;

/** ECDSA over a digest, as key services make it and Node does not; r||s. Not in constant time: for tests only. */
export function signDigestRaw(privateKey: KeyObject, digest: Uint8Array): Buffer {
  const { crv, d = '' } = privateKey.export({ format: 'jwk' });
  const curve = CURVES[crv as keyof typeof CURVES];
  const n = BigInt(`0x${curve.order}`);
  const size = curve.order.length / 2;
  const secret = BigInt(`0x${Buffer.from(d, 'base64url').toString('hex')}`);
  const nonce = (BigInt(`0x${randomBytes(size).toString('hex')}`) % (n - 1n)) + 1n;
  const point = createECDH(curve.name);
  point.setPrivateKey(bytesOf(nonce, size));
  const r =
    BigInt(
      `0x${point
        .getPublicKey()
        .subarray(1, 1 + size)
        .toString('hex')}`,
    ) % n;
  const z = BigInt(`0x${Buffer.from(digest.subarray(0, size)).toString('hex')}`);
  const s = (inverse(nonce, n) * ((z + r * secret) % n)) % n;
  return Buffer.concat([bytesOf(r, size), bytesOf(s, size)]);
}

function bytesOf(value: bigint, size: number): Buffer {
  return Buffer.from(value.toString(16).padStart(2 * size, '0'), 'hex');
}

/** Of a modulo the prime n (extended Euclid). */
function inverse(a: bigint, n: bigint): bigint {
  let [r, next, t, nextT] = [n, a % n, 0n, 1n];
  while (next !== 0n) {
    const q = r / next;
    [r, next] = [next, r - q * next];
    [t, nextT] = [nextT, t - q * nextT];
  }
  return ((t % n) + n) % n;
}
