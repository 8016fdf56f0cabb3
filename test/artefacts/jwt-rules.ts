import { createPublicKey, verify, type JsonWebKey, type KeyObject } from 'node:crypto';
import { Checks, type Check } from './check.js';
import { checkSpiffeId } from './spiffe-id-rules.js';

type Json = Readonly<Record<string, unknown>>;

const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512'];
const CURVES: Record<string, string> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' };
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

/** Every rule for a JWT-SVID that was asked for with `audience`; `jwks` is the JWT bundle of its trust domain. */
export function checkJwtSvid(
  token: string,
  expected: { readonly spiffeId: string; readonly audience: readonly string[]; readonly jwks: Buffer },
  now: number,
): readonly Check[] {
  const checks = new Checks();
  const parts = token.split('.');
  const [header, claims] = [parts[0], parts[1]].map(readPart);
  if (header === undefined || claims === undefined) throw new Error('not a JWS');
  const algorithm = String(header['alg']);
  checks.must('J-1', 'it is a JWS in compact serialisation', () => {
    return (
      (parts.length !== 3 || parts.some((part) => !/^[A-Za-z0-9_-]+$/.test(part))) && 'three base64url parts expected'
    );
  });
  checks.must('J-2', 'the algorithm is an allowed one', () => !ALGORITHMS.includes(algorithm) && algorithm);
  checks.should(
    'J-3',
    'it names its key',
    () => (typeof header['kid'] !== 'string' || header['kid'] === '') && 'no kid',
  );
  checks.must(
    'J-3',
    'typ is JWT or JOSE',
    () => !['JWT', 'JOSE', undefined].includes(header['typ'] as undefined) && String(header['typ']),
  );
  checks.must('J-4', 'there is no other header parameter', () => {
    const others = Object.keys(header).filter((name) => !['alg', 'kid', 'typ'].includes(name));
    return others.length > 0 && others.join(' ');
  });
  checks.must(
    'J-5',
    'sub is the SPIFFE ID of the response',
    () => claims['sub'] !== expected.spiffeId && String(claims['sub']),
  );
  checks.include(checkSpiffeId(String(claims['sub']), 'workload'));
  checks.must('J-6', 'aud holds what was asked for', () => {
    const audience = [claims['aud']].flat();
    const fits = audience.length > 0 && expected.audience.every((one) => audience.includes(one));
    return !fits && JSON.stringify(claims['aud']);
  });
  checks.must('J-7', 'exp is there and not past', () => {
    const exp = claims['exp'];
    return !(typeof exp === 'number' && exp * 1000 > now) && String(exp);
  });
  checks.must('J-7', 'iat and nbf, if any, are not in the future', () => {
    const early = ['iat', 'nbf'].find((name) => typeof claims[name] === 'number' && claims[name] * 1000 > now + 1000);
    return early;
  });
  checks.must('J-9', 'the bundle holds the key that signed it', () => {
    return !isSigned(parts, algorithm, keyOf(expected.jwks, header['kid'])) && 'the signature does not verify';
  });
  return checks.all;
}

/** Rules for the JWKS that FetchJWTBundles serves for one trust domain. */
export function checkJwtBundle(jwks: Buffer): readonly Check[] {
  const checks = new Checks();
  const keys = keysOf(jwks);
  checks.must('RP-5', 'it has keys', () => keys.length === 0 && 'none');
  checks.must('RP-5', 'every key is usable and public', () => {
    const bad = keys.find((key) => PRIVATE_MEMBERS.some((member) => member in key) || !isUsable(key));
    return bad === undefined ? false : JSON.stringify(Object.keys(bad));
  });
  checks.must('RP-5', 'there are no keys of another use', () => {
    return keys.find((key) => !['jwt-svid', 'sig', undefined].includes(key['use'] as undefined))?.['use'] as string;
  });
  checks.must('J-9', 'every key has an id of its own', () => {
    const ids = keys.map((key) => key['kid']);
    return (
      (ids.some((id) => typeof id !== 'string' || id === '') || new Set(ids).size !== ids.length) && JSON.stringify(ids)
    );
  });
  return checks.all;
}

function readPart(part: string | undefined): Json {
  return JSON.parse(Buffer.from(part ?? '', 'base64url').toString()) as Json;
}

function keysOf(jwks: Buffer): readonly Json[] {
  const { keys } = JSON.parse(jwks.toString()) as { keys: unknown };
  if (!Array.isArray(keys)) throw new Error('no keys array');
  return keys as Json[];
}

function isUsable(key: Json): boolean {
  try {
    createPublicKey({ key: key as JsonWebKey, format: 'jwk' });
    return true;
  } catch {
    return false;
  }
}

function keyOf(jwks: Buffer, id: unknown): KeyObject {
  const key = keysOf(jwks).find((one) => one['kid'] === id);
  if (key === undefined) throw new Error(`the bundle has no key ${String(id)}`);
  return createPublicKey({ key: key as JsonWebKey, format: 'jwk' });
}

function isSigned(parts: readonly string[], algorithm: string, key: KeyObject): boolean {
  const hash = `sha${algorithm.slice(2)}`;
  const data = Buffer.from(`${parts[0] ?? ''}.${parts[1] ?? ''}`);
  const signature = Buffer.from(parts[2] ?? '', 'base64url');
  if (algorithm.startsWith('ES')) {
    const { crv } = key.export({ format: 'jwk' });
    return crv === CURVES[algorithm] && verify(hash, data, { key, dsaEncoding: 'ieee-p1363' }, signature);
  }
  // RSASSA-PSS with a salt as long as the digest, or PKCS #1 v1.5.
  return verify(hash, data, algorithm.startsWith('PS') ? { key, padding: 6, saltLength: -1 } : key, signature);
}
