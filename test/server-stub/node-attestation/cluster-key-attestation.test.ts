import { generateKeyPairSync, sign } from 'node:crypto';
import test from 'ava';
import { ClusterKeyAttestation } from '../../../server-stub/src/node-attestation/cluster-key-attestation.js';
import { loginProofBytes, type LoginProofClaims } from '../../../src/domain/login-proof.js';
import { FakeClock } from '../../fakes/fake-clock.js';

const ENDPOINT = 'spiffe://example.org/spirl/server/tdd-1';
const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const csr = Buffer.from('a certificate request');

function setUp() {
  const clock = new FakeClock();
  const keys = {
    publicKey: (cluster: string, version: string) => (cluster === 'c-1' && version === 'cv-1' ? publicKey : undefined),
  };
  return { clock, challenge: new ClusterKeyAttestation(keys, clock, ENDPOINT).challenge() };
}

/** A right answer, but for what `changed` says. */
function answer(nonce: Buffer, changed: Partial<LoginProofClaims> = {}) {
  const claims = { nonce, clusterVersionId: 'cv-1', csr, endpointName: ENDPOINT, ...changed };
  return {
    clusterId: 'c-1',
    clusterVersionId: 'cv-1',
    csr,
    signature: sign(null, loginProofBytes(claims), privateKey),
  };
}

test('the signed bytes are laid out as the protocol says', (t) => {
  const bytes = loginProofBytes({ nonce: Buffer.alloc(32, 1), clusterVersionId: 'cv-1', csr, endpointName: 'e' });
  t.is(bytes.length, 'spirl-agent-login-v1\0'.length + 32 + 'cv-1\0'.length + 32 + 1);
  t.is(bytes.subarray(0, 21).toString(), 'spirl-agent-login-v1\0');
  t.is(bytes.subarray(53, 58).toString(), 'cv-1\0');
  t.is(bytes.subarray(-1).toString(), 'e');
});

test('the right key proves it, once', (t) => {
  const { challenge } = setUp();
  t.is(challenge.nonce.length, 32);
  t.is(challenge.endpointName, ENDPOINT);
  challenge.prove(answer(challenge.nonce));
  t.throws(() => challenge.prove(answer(challenge.nonce)), { message: 'the challenge was answered already' });
});

test('a failed answer uses the challenge up', (t) => {
  const { challenge } = setUp();
  t.throws(() => challenge.prove(answer(Buffer.alloc(32))));
  t.throws(() => challenge.prove(answer(challenge.nonce)), { message: 'the challenge was answered already' });
});

test('after 30 s a challenge is worth nothing', async (t) => {
  const { challenge, clock } = setUp();
  await clock.advance(30_001);
  t.throws(() => challenge.prove(answer(challenge.nonce)), { message: /not answered within 30 s/ });
});

const changes: { name: string; changed: Partial<LoginProofClaims> }[] = [
  { name: 'another nonce', changed: { nonce: Buffer.alloc(32) } },
  { name: 'another endpoint', changed: { endpointName: 'spiffe://example.org/spirl/server/tdd-2' } },
  { name: 'another cluster key id', changed: { clusterVersionId: 'cv-2' } },
  { name: 'another certificate request', changed: { csr: Buffer.from('of somebody else') } },
];
for (const { name, changed } of changes) {
  test(`a signature for ${name} proves nothing`, (t) => {
    const { challenge } = setUp();
    t.throws(() => challenge.prove(answer(challenge.nonce, changed)), { code: 'UNAUTHENTICATED' });
  });
}

test('a signature that is none is refused like a wrong one', (t) => {
  const { challenge } = setUp();
  const claims = { ...answer(challenge.nonce), signature: Buffer.from('short') };
  t.throws(() => challenge.prove(claims), { code: 'UNAUTHENTICATED' });
});
