import { createPublicKey } from 'node:crypto';
import test from 'ava';
import { decodeProtectedHeader, jwtVerify } from 'jose';
import { SpiffeId } from '../../../src/domain/spiffe-id.js';
import type { KeyType, SigningKey } from '../../../server-stub/src/domain/signing-key.js';
import { JwtSigner, type JwtRequest } from '../../../server-stub/src/signer/jwt-signer.js';
import { forever, localKey, remoteKey } from './signing-keys.js';
import { DAY, KEYSET_ID, NOW } from './test-ca.js';

const spiffeId = SpiffeId.parse('spiffe://example.org/node/alice');
const request = (more: Partial<JwtRequest> = {}): JwtRequest => ({
  spiffeId,
  audience: ['db'],
  ttlMs: DAY,
  claims: {},
  ...more,
});
const signerOf = (key: SigningKey, more: { issuer?: string; expiresAt?: number } = {}): JwtSigner =>
  new JwtSigner({ keysetId: KEYSET_ID, key, expiresAt: NOW + 90 * DAY, ...more });
const publicKeyOf = (key: SigningKey) =>
  createPublicKey({ key: Buffer.from(key.publicKeySpki), format: 'der', type: 'spki' });
const verify = (token: string, key: SigningKey) =>
  jwtVerify(token, publicKeyOf(key), { currentDate: new Date(NOW), audience: 'db' });

const ALG = { 'EC-P256': 'ES256', 'EC-P384': 'ES384', 'RSA-2048': 'RS256' } as const satisfies Record<KeyType, string>;

for (const type of Object.keys(ALG) as KeyType[]) {
  for (const [where, makeKey] of Object.entries({ 'in memory': localKey, 'behind a service': remoteKey })) {
    test(`jose accepts a token signed with ${type} ${where}`, async (t) => {
      const key = makeKey(type);
      const { token, id, issuedAt, expiresAt } = await signerOf(key).sign(request(), NOW + 999, forever);
      const { payload, protectedHeader } = await verify(token, key);
      t.deepEqual(protectedHeader, { alg: ALG[type], kid: KEYSET_ID, typ: 'JWT' });
      const [iat, exp] = [NOW / 1000, (NOW + DAY) / 1000];
      t.deepEqual(payload, { sub: spiffeId.toString(), aud: ['db'], iat, exp, jti: id });
      t.deepEqual([issuedAt, expiresAt], [iat * 1000, exp * 1000]);
    });
  }
}

test('the audience is always a list, in the order asked', async (t) => {
  const key = localKey();
  const { token } = await signerOf(key).sign(request({ audience: ['web', 'db'] }), NOW, forever);
  t.deepEqual((await verify(token, key)).payload.aud, ['web', 'db']);
});

test('the issuer claim is there only where it is configured', async (t) => {
  const key = localKey();
  const { token } = await signerOf(key, { issuer: 'https://id.example.org' }).sign(request(), NOW, forever);
  t.is((await verify(token, key)).payload.iss, 'https://id.example.org');
});

test('claims of the policy are added but override nothing the token itself says', async (t) => {
  const key = localKey();
  const claims = { team: 'é "x"', level: 3, iss: 'x', sub: 'x', aud: 'x', exp: 1, nbf: 1, iat: 1, jti: 'x' };
  const { token, id } = await signerOf(key).sign(request({ claims }), NOW, forever);
  const [iat, exp] = [NOW / 1000, (NOW + DAY) / 1000];
  t.deepEqual((await verify(token, key)).payload, {
    team: 'é "x"',
    level: 3,
    sub: spiffeId.toString(),
    aud: ['db'],
    iat,
    exp,
    jti: id,
  });
});

test('a token never outlives its keyset, and an expired keyset signs nothing', async (t) => {
  const key = localKey();
  const signer = signerOf(key, { expiresAt: NOW + 5000 });
  t.is((await signer.sign(request(), NOW, forever)).expiresAt, NOW + 5000);
  t.like(await t.throwsAsync(signer.sign(request(), NOW + 5000, forever)), { code: 'UNAVAILABLE' });
});

test('a signature that does not verify does not leave', async (t) => {
  const key = remoteKey('EC-P256', (signature) => signature.map((octet, index) => (index === 0 ? octet ^ 1 : octet)));
  t.like(await t.throwsAsync(signerOf(key).sign(request(), NOW, forever)), { code: 'KEY_SERVICE_UNAVAILABLE' });
});

test('each token has an id of its own', async (t) => {
  const signer = signerOf(localKey());
  const tokens = await Promise.all([1, 2, 3].map(() => signer.sign(request(), NOW, forever)));
  t.is(new Set(tokens.map((token) => token.id)).size, 3);
  t.deepEqual(Object.keys(decodeProtectedHeader(tokens[0]?.token ?? '')), ['alg', 'kid', 'typ']);
});
