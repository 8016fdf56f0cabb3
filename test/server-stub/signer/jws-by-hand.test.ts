import { createPublicKey } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import { jwtVerify } from 'jose';
import { tokenByJose } from '../../../bench/micro/tricks/plain-minting.js';
import { SpiffeId } from '../../../src/domain/spiffe-id.js';
import type { KeyType } from '../../../server-stub/src/domain/signing-key.js';
import { JwtSigner, type JwtRequest } from '../../../server-stub/src/signer/jwt-signer.js';
import { sharedKey } from './signing-keys.js';
import { DAY, KEYSET_ID, NOW } from './test-ca.js';

/** One is refused by policies: an object has no such member. */
const name = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((key) => key !== '__proto__');
const own = fc.constantFrom('iss', 'nbf', 'sub', 'aud', 'exp', 'iat', 'jti');
const requests: fc.Arbitrary<JwtRequest> = fc.record({
  spiffeId: fc
    .integer({ min: 1, max: 200 })
    .map((length) => SpiffeId.parse(`spiffe://example.org/${'w'.repeat(length)}`)),
  audience: fc.array(fc.string({ unit: 'grapheme', minLength: 1 }), { minLength: 1, maxLength: 3 }),
  ttlMs: fc.integer({ min: 1_000, max: 200 * DAY }),
  claims: fc.dictionary(fc.oneof(name, own), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 5, noNullPrototype: true }),
});
const issuers = fc.option(fc.webUrl(), { nil: undefined });

/** Without its signature. */
const signed = (token: string): string => token.slice(0, token.lastIndexOf('.'));

for (const type of ['EC-P256', 'EC-P384', 'RSA-2048'] as const satisfies KeyType[]) {
  test(`a token of ${type} by hand is the one that jose makes, octet by octet`, async (t) => {
    const key = sharedKey(type);
    const privateKey = key.inMemory;
    if (privateKey === undefined) throw new Error('a key in memory is expected');
    const publicKey = createPublicKey(privateKey);
    const expiresAt = NOW + 90 * DAY;
    await fc.assert(
      fc.asyncProperty(requests, issuers, fc.integer({ min: 0, max: DAY }), async (request, issuer, later) => {
        const now = NOW + later;
        const signer = new JwtSigner({ keysetId: KEYSET_ID, key, expiresAt, ...(issuer !== undefined && { issuer }) });
        const { token, id } = signer.signSync(request, now);
        const claims = {
          ...request.claims,
          ...{ iss: issuer, nbf: undefined, sub: request.spiffeId.toString(), aud: request.audience },
          exp: Math.floor(Math.min(now + request.ttlMs, expiresAt) / 1000),
          ...{ iat: Math.floor(now / 1000), jti: id },
        };
        const plain = await tokenByJose(claims, { type, keysetId: KEYSET_ID, privateKey });
        t.is(signed(token), signed(plain));
        // ECDSA draws a number for each signature; RSA does not.
        if (type === 'RSA-2048') t.is(token, plain);
        await t.notThrowsAsync(jwtVerify(token, publicKey, { currentDate: new Date(now) }));
      }),
      { numRuns: 60 },
    );
  });
}
