import { createPublicKey, type JsonWebKey } from 'node:crypto';
import type { KeyType } from '../../domain/signing-key.js';
import type { TokenPublicKey } from './token-calls.js';

const CURVES = [
  { type: 'EC-P256', crv: 'P-256', params: '06082a8648ce3d030107', size: 32 },
  { type: 'EC-P384', crv: 'P-384', params: '06052b81040022', size: 48 },
] as const;

/** A usable public key: its type and its SubjectPublicKeyInfo, DER. */
export interface ReadPublicKey {
  readonly type: KeyType;
  readonly spki: Uint8Array;
}

/** Undefined for half a pair, a broken key, and a kind that never signs SVIDs. */
export function readPublicKey(key: TokenPublicKey): ReadPublicKey | undefined {
  switch (key.family) {
    case 'EC':
      return fromPoint(Buffer.from(key.params).toString('hex'), Buffer.from(key.point));
    case 'RSA': {
      const jwk = { kty: 'RSA', n: base64url(key.modulus), e: base64url(key.exponent) };
      return withoutZeros(key.modulus) === 256 ? fromJwk('RSA-2048', jwk) : undefined;
    }
    case 'unknown':
      return undefined;
  }
}

function fromPoint(params: string, given: Buffer): ReadPublicKey | undefined {
  const curve = CURVES.find((known) => known.params === params);
  if (curve === undefined) return undefined;
  const octets = 1 + 2 * curve.size;
  // The standard wants the point in an OCTET STRING (04, its length); some modules give it bare.
  const wrapped = given.length === octets + 2 && given[0] === 4 && given[1] === octets;
  const point = wrapped ? given.subarray(2) : given;
  if (point.length !== octets || point[0] !== 4) return undefined;
  const [x, y] = [point.subarray(1, 1 + curve.size), point.subarray(1 + curve.size)];
  return fromJwk(curve.type, { kty: 'EC', crv: curve.crv, x: base64url(x), y: base64url(y) });
}

function fromJwk(type: KeyType, key: JsonWebKey): ReadPublicKey | undefined {
  try {
    return { type, spki: createPublicKey({ key, format: 'jwk' }).export({ type: 'spki', format: 'der' }) };
  } catch {
    // For example a point that is not on the curve.
    return undefined;
  }
}

const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');

/** Octets of a number without those that lead it with zero. */
function withoutZeros(bytes: Uint8Array): number {
  const first = bytes.findIndex((octet) => octet !== 0);
  return first < 0 ? 0 : bytes.length - first;
}
