import { createPublicKey, sign, verify } from 'node:crypto';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { SpiffeId } from '../../src/domain/spiffe-id.js';
import { systemClock } from '../../src/runtime/clock.js';
import { JwtSigner } from '../../server-stub/src/signer/jwt-signer.js';
import { interleave, ratios } from '../rounds.js';
import type { Effort, Figure, Row } from '../row.js';
import { keyInMemory } from './mint.js';

const REQUEST = {
  spiffeId: SpiffeId.parse('spiffe://example.org/k8s/ns/default/sa/checkout'),
  audience: ['payments'],
  ttlMs: 3_600_000,
  claims: {},
};
/** Calls in flight: what a busy agent has. */
const IN_FLIGHT = 32;

async function measure(effort: Effort): Promise<readonly Figure[]> {
  const { key, privateKey } = keyInMemory();
  const signer = new JwtSigner({ keysetId: 'ks_0000000000', key, expiresAt: systemClock.now() + 90 * 86_400_000 });
  const { token } = signer.signSync(REQUEST, systemClock.now());
  const publicKey = createPublicKey({ key: Buffer.from(key.publicKeySpki), format: 'der', type: 'spki' });
  const jwks = createLocalJWKSet({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'ks_0000000000' }] });
  const [input, signature] = [
    Buffer.from(token.slice(0, token.lastIndexOf('.'))),
    token.slice(token.lastIndexOf('.') + 1),
  ];
  const raw = Buffer.from(signature, 'base64url');
  const p1363 = { dsaEncoding: 'ieee-p1363' } as const;
  const samples = await interleave(
    {
      sign: (times) => {
        const now = systemClock.now();
        for (let i = 0; i < times; i++) signer.signSync(REQUEST, now);
      },
      signAnchor: (times) => {
        for (let i = 0; i < times; i++) sign('sha256', input, { key: privateKey, ...p1363 });
      },
      validate: async (times) => {
        for (let i = 0; i < times; i += IN_FLIGHT) {
          await Promise.all(Array.from({ length: IN_FLIGHT }, () => jwtVerify(token, jwks, { audience: 'payments' })));
        }
      },
      validateAnchor: (times) => {
        for (let i = 0; i < times; i++) verify('sha256', input, { key: publicKey, ...p1363 }, raw);
      },
    },
    effort,
  );
  return [
    {
      name: 'JWT-SVIDs signed per CPU second',
      ratios: ratios(samples.sign, samples.signAnchor, 'perCpuSecond'),
      target: { is: 'at least', value: 0.8 },
      absolute: {},
    },
    {
      name: 'JWT-SVIDs validated per CPU second',
      ratios: ratios(samples.validate, samples.validateAnchor, 'perCpuSecond'),
      target: { is: 'at least', value: 0.55 },
      absolute: {},
    },
  ];
}

export const jwtRow: Row = {
  id: 'B4',
  work: 'JWT-SVID signed; validated',
  anchor: 'crypto.sign; crypto.verify',
  measure,
};
