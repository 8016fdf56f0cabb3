import { generateKeyPairSync, sign as signWith, type KeyObject } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import test from 'ava';
import type { TrustBundle } from '../../src/domain/trust-bundle.js';
import { systemClock } from '../../src/runtime/clock.js';
import { verifyJwtSvid } from '../../src/workload-api/verify-jwt-svid.js';
import { Stage } from './stage.js';

const NOW = Date.UTC(2026, 0, 1);
const SECONDS = NOW / 1000;
const ours = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const other = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });

function jwk(key: KeyObject): Record<string, string> {
  return key.export({ format: 'jwk' }) as Record<string, string>;
}

function bundleWith(trustDomain: string, keys: Record<string, KeyObject>): TrustBundle {
  const jwtAuthorities = Object.entries(keys).map(([keyId, key]) => ({ keyId, publicJwk: jwk(key) }));
  return { trustDomain, sequence: 1, refreshHintSeconds: 1, x509Authorities: [], jwtAuthorities };
}

const BUNDLES = [
  bundleWith('example.org', { ks_1: ours.publicKey, ks_rsa: rsa.publicKey }),
  bundleWith('other.org', { ks_1: other.publicKey }),
];

type Json = Record<string, unknown>;
const encode = (json: unknown): string => Buffer.from(JSON.stringify(json)).toString('base64url');
const HEADER = { alg: 'ES256', kid: 'ks_1', typ: 'JWT' };
const CLAIMS = { sub: 'spiffe://example.org/a', aud: ['me', 'you'], exp: SECONDS + 60, iat: SECONDS };

/** A token signed by hand, so that it can be wrong in any way. `undefined` leaves a member out. */
function token(header: Json = {}, claims: Json = {}, key: KeyObject = ours.privateKey): string {
  const input = `${encode({ ...HEADER, ...header })}.${encode({ ...CLAIMS, ...claims })}`;
  return `${input}.${signWith('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

const accepted: { name: string; jwt: string }[] = [
  { name: 'an ordinary token', jwt: token() },
  { name: 'typ JOSE', jwt: token({ typ: 'JOSE' }) },
  { name: 'no typ', jwt: token({ typ: undefined }) },
  { name: 'no kid: any authority of the trust domain may have signed', jwt: token({ kid: undefined }) },
  { name: 'one audience as a string', jwt: token({}, { aud: 'me' }) },
  { name: 'RS256', jwt: token({ alg: 'RS256', kid: 'ks_rsa' }, {}, rsa.privateKey) },
  { name: 'the last second', jwt: token({}, { exp: SECONDS + 1 }) },
  { name: 'a clock that is a little ahead', jwt: token({}, { nbf: SECONDS + 30 }) },
];
for (const { name, jwt } of accepted) {
  test(`accepted: ${name}`, async (t) => {
    const { spiffeId, claims } = await verifyJwtSvid(jwt, 'me', BUNDLES, NOW);
    t.is(spiffeId.toString(), 'spiffe://example.org/a');
    t.is(claims['sub'], 'spiffe://example.org/a');
  });
}

const [head = '', body = '', signature = ''] = token().split('.');
const unsigned = `${encode({ ...HEADER, alg: 'none' })}.${body}.`;
const refused: { name: string; jwt: string; reason: RegExp }[] = [
  { name: 'no token', jwt: 'abc', reason: /compact serialization/ },
  {
    name: 'the JSON serialization',
    jwt: JSON.stringify({ payload: body, protected: head, signature }),
    reason: /compact/,
  },
  { name: 'padding', jwt: `${head}=.${body}.${signature}`, reason: /compact/ },
  { name: 'four parts', jwt: `${token()}.x`, reason: /compact/ },
  { name: 'a new line', jwt: `${token()}\n`, reason: /compact/ },
  { name: 'a header that is no JSON', jwt: `abc.${body}.${signature}`, reason: /the header is not/ },
  { name: 'a payload that is no object', jwt: `${head}.${encode(['x'])}.${signature}`, reason: /payload is not|sub/ },
  { name: 'alg none', jwt: unsigned, reason: /compact/ },
  {
    name: 'alg none, with a signature',
    jwt: `${encode({ ...HEADER, alg: 'none' })}.${body}.${signature}`,
    reason: /alg/,
  },
  { name: 'alg HS256', jwt: token({ alg: 'HS256' }), reason: /alg must be one of/ },
  { name: 'alg EdDSA', jwt: token({ alg: 'EdDSA' }), reason: /alg must be one of/ },
  { name: 'no alg', jwt: token({ alg: undefined }), reason: /alg must be one of/ },
  { name: 'alg of another key type', jwt: token({ alg: 'RS256' }), reason: /signature does not verify/ },
  { name: 'alg of another curve', jwt: token({ alg: 'ES384' }), reason: /signature does not verify/ },
  { name: 'typ at+jwt', jwt: token({ typ: 'at+jwt' }), reason: /typ must be/ },
  { name: 'a header parameter x', jwt: token({ x: 1 }), reason: /"x" is not allowed/ },
  { name: 'jwk', jwt: token({ jwk: jwk(ours.publicKey) }), reason: /"jwk" is not allowed/ },
  { name: 'crit', jwt: token({ crit: ['exp'] }), reason: /"crit" is not allowed/ },
  { name: 'an empty kid', jwt: token({ kid: '' }), reason: /kid must be/ },
  { name: 'a kid that is no string', jwt: token({ kid: 1 }), reason: /kid must be/ },
  { name: 'an unknown kid', jwt: token({ kid: 'ks_2' }), reason: /no JWT authority "ks_2"/ },
  { name: 'no sub', jwt: token({}, { sub: undefined }), reason: /sub is required/ },
  {
    name: 'a sub that is no SPIFFE ID',
    jwt: token({}, { sub: 'https://example.org/a' }),
    reason: /sub is not a SPIFFE ID/,
  },
  {
    name: 'a foreign trust domain',
    jwt: token({}, { sub: 'spiffe://third.org/a' }),
    reason: /no bundle for .*third.org/,
  },
  { name: "another domain's key", jwt: token({}, { sub: 'spiffe://other.org/a' }), reason: /does not verify/ },
  { name: "another domain's key for our subject", jwt: token({}, {}, other.privateKey), reason: /does not verify/ },
  { name: 'no aud', jwt: token({}, { aud: undefined }), reason: /aud is required/ },
  { name: 'no audience in aud', jwt: token({}, { aud: [] }), reason: /expected audience/ },
  { name: 'another audience', jwt: token({}, { aud: ['you'] }), reason: /expected audience/ },
  { name: 'no exp', jwt: token({}, { exp: undefined }), reason: /exp is required/ },
  { name: 'an exp that is no number', jwt: token({}, { exp: '9999999999' }), reason: /exp is not acceptable/ },
  { name: 'expired just now', jwt: token({}, { exp: SECONDS }), reason: /expired/ },
  { name: 'expired long ago', jwt: token({}, { exp: SECONDS - 10_000 }), reason: /expired/ },
  { name: 'not valid yet', jwt: token({}, { nbf: SECONDS + 120 }), reason: /not valid yet/ },
  {
    name: 'a changed payload',
    jwt: `${head}.${encode({ ...CLAIMS, aud: ['me'] })}.${signature}`,
    reason: /not verify/,
  },
];
for (const { name, jwt, reason } of refused) {
  test(`refused: ${name}`, async (t) => {
    const error = await t.throwsAsync(verifyJwtSvid(jwt, 'me', BUNDLES, NOW), {
      code: 'INVALID_REQUEST',
      message: reason,
    });
    t.true(error.message.startsWith('svid: '));
    t.false(error.message.includes(signature));
  });
}

test('over the socket: the claims come back as a Struct, or the reason as INVALID_ARGUMENT', async (t) => {
  const stage = await Stage.open(t, { clock: { ...systemClock, now: () => NOW } });
  stage.sources.bundles.publish({ version: 2, bundles: BUNDLES });
  const client = stage.client();
  const svid = token({}, { nested: { a: [1, 'x', true, null] } });
  const { response } = await client.unary('ValidateJWTSVID', { audience: 'me', svid });
  t.is(response?.['spiffeId'], 'spiffe://example.org/a');
  const { fields } = response?.['claims'] as { fields: Record<string, Json> };
  t.like(fields['sub'], { stringValue: 'spiffe://example.org/a' });
  t.like(fields['exp'], { numberValue: SECONDS + 60 });
  const nested = (fields['nested']?.['structValue'] as { fields: { a: { listValue: { values: Json[] } } } }).fields.a;
  t.is(nested.listValue.values.length, 4);
  t.like(nested.listValue.values[2], { boolValue: true });

  const bad = await client.unary('ValidateJWTSVID', { audience: 'you too', svid });
  t.deepEqual(bad, { code: status.INVALID_ARGUMENT, details: 'svid: claim aud does not hold the expected audience' });
  t.regex((await client.unary('ValidateJWTSVID', { svid })).details, /^audience: must not be empty/);
  t.regex((await client.unary('ValidateJWTSVID', { audience: 'me' })).details, /^svid: must not be empty/);
});
