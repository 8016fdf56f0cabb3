import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import test from 'ava';
import { jwtVerify } from 'jose';
import { createKeyAndRequest } from '../../../src/runtime/certificate-request.js';
import { FakeClock } from '../../fakes/fake-clock.js';
import { callerOf } from '../../fakes/svid-caller.js';
import { forever, localKey, remoteKey } from '../signer/signing-keys.js';
import { DAY, NOW } from '../signer/test-ca.js';
import { issuanceOver, keysetOf, session, stateOf } from './issuance-of.js';

const caller = callerOf(forever);
const alice = { 'linux.user.name': ['alice'] };
const item = { attributes: alice, renewal: false };
const key = localKey();
const keyset = await keysetOf('ks_aaaaaaaaaa', key, 'ACTIVE');
const source = { value: stateOf(1, [[keyset, key]]) };

test('an X.509-SVID has the identity of the policy, a fresh key of its own and the chain of the active keyset', async (t) => {
  const { issueX509Svid, metrics, audit } = issuanceOver(source);
  const svid = await issueX509Svid(session, item, caller);
  t.is(svid.spiffeId.toString(), 'spiffe://example.org/prod/alice');
  t.is(svid.keysetId, 'ks_aaaaaaaaaa');
  t.deepEqual(svid.chain.slice(1), [keyset.caCertificate]);
  const leaf = new X509Certificate(svid.chain[0] ?? Buffer.alloc(0));
  t.true(leaf.verify(new X509Certificate(keyset.caCertificate).publicKey));
  const privateKey = createPrivateKey({ key: Buffer.from(svid.privateKey), format: 'der', type: 'pkcs8' });
  t.true(leaf.checkPrivateKey(privateKey));
  t.is(leaf.serialNumber.toLowerCase(), svid.serial);
  t.deepEqual([svid.notBefore, svid.notAfter], [NOW + 1000 - 60_000, NOW + 1000 + DAY]);
  t.deepEqual(metrics, ['x509 OK 0']);
  const told = { spiffeId: svid.spiffeId.toString(), serial: svid.serial, keysetId: svid.keysetId };
  t.deepEqual(audit, [{ type: 'x509', session, code: 'OK', ...told }]);
});

test('with a request of the agent the key is the agent’s and no private key comes back', async (t) => {
  const { issueX509Svid } = issuanceOver(source);
  const { csr, publicKeySpki } = await createKeyAndRequest();
  const svid = await issueX509Svid(session, { ...item, csr }, caller);
  t.is(svid.privateKey.length, 0);
  const leaf = new X509Certificate(svid.chain[0] ?? Buffer.alloc(0));
  t.deepEqual(leaf.publicKey.export({ format: 'der', type: 'spki' }), publicKeySpki);
  t.falsy(leaf.subject, 'nothing of the request but its key');
});

test('the same question gets another key and serial, but the same outcome, which resolving tells without signing', async (t) => {
  const { issueX509Svid, resolveIdentity, metrics } = issuanceOver(source);
  const [one, two] = await Promise.all([issueX509Svid(session, item, caller), issueX509Svid(session, item, caller)]);
  t.notDeepEqual(one.privateKey, two.privateKey);
  t.not(one.serial, two.serial);
  const { spiffeId, outcome } = await resolveIdentity(session, alice);
  t.deepEqual([one.outcome, two.outcome], [outcome, outcome]);
  t.is(spiffeId.toString(), one.spiffeId.toString());
  t.is(metrics.length, 2);
});

test('a JWT-SVID has the identity of the policy, each audience once, and verifies with the key of its kid', async (t) => {
  const { issueJwtSvid, metrics, audit } = issuanceOver(source, { policy: { jwt: { ttl: '5m' }, hint: 'h' } });
  const svid = await issueJwtSvid(session, { attributes: alice, audience: ['db', 'web', 'db'] }, caller);
  const publicKey = createPublicKey({ key: Buffer.from(keyset.jwtPublicSpki), format: 'der', type: 'spki' });
  const { payload, protectedHeader } = await jwtVerify(svid.token, publicKey, { currentDate: new Date(NOW + 2000) });
  t.is(protectedHeader.kid, svid.keysetId);
  t.is(payload.sub, 'spiffe://example.org/prod/alice');
  t.deepEqual(payload.aud, ['db', 'web']);
  t.is(svid.hint, 'h');
  t.is(svid.expiresAt, NOW + 1000 + 300_000);
  t.deepEqual(metrics, ['jwt OK 0']);
  t.is(audit[0]?.serial, payload.jti);
  t.false(JSON.stringify(audit).includes(svid.token.slice(-20)));
});

const refusals: readonly [
  name: string,
  run: (i: ReturnType<typeof issuanceOver>) => Promise<unknown>,
  code: string,
  label: string,
][] = [
  [
    'an attribute is missing',
    (i) => i.issueX509Svid(session, { ...item, attributes: {} }, caller),
    'NO_IDENTITY_ISSUED',
    'x509 PermissionDenied',
  ],
  [
    'the agent claims to be of another cluster',
    (i) => i.issueX509Svid(session, { ...item, attributes: { ...alice, 'node_group.name': ['other'] } }, caller),
    'INVALID_REQUEST',
    'x509 InvalidArgument',
  ],
  [
    'the request proves nothing',
    (i) => i.issueX509Svid(session, { ...item, csr: Buffer.from('no') }, caller),
    'INVALID_REQUEST',
    'x509 InvalidArgument',
  ],
  [
    'the cluster is not registered any more',
    (i) => i.issueX509Svid({ ...session, clusterId: 'c-2' }, item, caller),
    'NOT_FOUND',
    'x509 NotFound',
  ],
  [
    'there is no audience',
    (i) => i.issueJwtSvid(session, { attributes: alice, audience: [] }, caller),
    'INVALID_REQUEST',
    'jwt InvalidArgument',
  ],
  [
    'an audience is empty',
    (i) => i.issueJwtSvid(session, { attributes: alice, audience: ['a', ''] }, caller),
    'INVALID_REQUEST',
    'jwt InvalidArgument',
  ],
];
for (const [name, run, code, label] of refusals) {
  test(`nothing is issued when ${name}, and the attempt is counted and audited once`, async (t) => {
    const issuance = issuanceOver(source);
    t.like(await t.throwsAsync(run(issuance)), { code });
    t.deepEqual(issuance.metrics, [`${label} 0`]);
    t.like(issuance.audit, [{ code: label.split(' ')[1] }]);
    t.is(issuance.audit[0]?.serial, undefined);
  });
}

test('resolving refuses what issuing would refuse', async (t) => {
  const { resolveIdentity, metrics } = issuanceOver(source);
  t.like(await t.throwsAsync(resolveIdentity(session, {})), { code: 'NO_IDENTITY_ISSUED' });
  t.deepEqual(metrics, []);
});

test('nothing is signed while the clock stands before the last change of the ring', async (t) => {
  const { issueX509Svid, issueJwtSvid, clock } = issuanceOver(source, undefined, new FakeClock(NOW - 1));
  t.like(await t.throwsAsync(issueX509Svid(session, item, caller)), { code: 'CLOCK_WENT_BACK' });
  const jwt = { attributes: alice, audience: ['db'] };
  t.like(await t.throwsAsync(issueJwtSvid(session, jwt, caller)), { code: 'CLOCK_WENT_BACK' });
  clock.jump(1);
  await t.notThrowsAsync(issueX509Svid(session, item, caller));
});

test('without an active keyset, or without its keys, nothing is signed', async (t) => {
  const prepared = { ...keyset, state: 'PREPARED' as const };
  const keyless = { ...source.value, keys: new Map() };
  for (const value of [stateOf(1, []), stateOf(1, [[prepared, key]]), keyless]) {
    t.like(await t.throwsAsync(issuanceOver({ value }).issueX509Svid(session, item, caller)), { code: 'UNAVAILABLE' });
  }
});

test('after an activation the very next SVID is signed by the new keyset, with no trace of the old one', async (t) => {
  const nextKey = remoteKey('EC-P384');
  const next = await keysetOf('ks_bbbbbbbbbb', nextKey, 'ACTIVE');
  const moving = { value: source.value };
  const { issueX509Svid, issueJwtSvid } = issuanceOver(moving);
  t.is((await issueX509Svid(session, item, caller)).keysetId, keyset.id);
  moving.value = stateOf(2, [
    [next, nextKey],
    [{ ...keyset, state: 'PREPARED' }, key],
  ]);
  const svid = await issueX509Svid(session, item, caller);
  t.is(svid.keysetId, next.id);
  t.deepEqual(svid.chain.slice(1), [next.caCertificate]);
  const leaf = new X509Certificate(svid.chain[0] ?? Buffer.alloc(0));
  const ca = new X509Certificate(next.caCertificate);
  t.true(leaf.verify(ca.publicKey) && leaf.checkIssued(ca));
  t.is((await issueJwtSvid(session, { attributes: alice, audience: ['a'] }, caller)).keysetId, next.id);
});

test('an activation during a slow signature does not mix the keysets', async (t) => {
  const slowKey = remoteKey();
  const slow = await keysetOf('ks_cccccccccc', slowKey, 'ACTIVE');
  const moving = { value: stateOf(1, [[slow, slowKey]]) };
  const { issueX509Svid } = issuanceOver(moving);
  const pending = issueX509Svid(session, item, caller);
  moving.value = stateOf(2, [[keyset, key]]);
  const svid = await pending;
  t.is(svid.keysetId, slow.id);
  t.deepEqual(svid.chain[1], slow.caCertificate);
  t.true(
    new X509Certificate(svid.chain[0] ?? Buffer.alloc(0)).verify(new X509Certificate(slow.caCertificate).publicKey),
  );
});

test('intermediates of an upstream follow the CA certificate in the chain', async (t) => {
  const intermediates = [Buffer.from('first'), Buffer.from('second')];
  const { issueX509Svid } = issuanceOver({ value: stateOf(1, [[{ ...keyset, intermediates }, key]]) });
  t.deepEqual((await issueX509Svid(session, item, caller)).chain.slice(1), [keyset.caCertificate, ...intermediates]);
});

test('no SVID outlives its keyset', async (t) => {
  const short = await keysetOf('ks_dddddddddd', key, 'ACTIVE', 3_600_000);
  const { issueX509Svid, issueJwtSvid } = issuanceOver({ value: stateOf(1, [[short, key]]) });
  t.is((await issueX509Svid(session, item, caller)).notAfter, short.expiresAt);
  t.is((await issueJwtSvid(session, { attributes: alice, audience: ['a'] }, caller)).expiresAt, short.expiresAt);
});

test('a caller that goes away during a remote signature is counted as canceled', async (t) => {
  const far = remoteKey();
  const { issueX509Svid, metrics } = issuanceOver({
    value: stateOf(1, [[await keysetOf('ks_e', far, 'ACTIVE'), far]]),
  });
  const gone = new AbortController();
  const pending = issueX509Svid(session, item, callerOf(gone.signal));
  gone.abort();
  t.is(await pending.catch((reason: unknown) => reason), gone.signal.reason);
  t.deepEqual(metrics, ['x509 Canceled 0']);
});

test('an unexpected failure is counted as internal', async (t) => {
  const broken = {
    ...localKey(),
    signSync: () => {
      throw new TypeError('broken');
    },
  };
  const value = stateOf(1, [[await keysetOf('ks_f', broken, 'ACTIVE'), broken]]);
  const { issueX509Svid, metrics } = issuanceOver({ value });
  await t.throwsAsync(issueX509Svid(session, item, caller), { instanceOf: TypeError });
  t.deepEqual(metrics, ['x509 Internal 0']);
});

test('a CA certificate that cannot be read is told as corrupt', async (t) => {
  const value = stateOf(1, [[{ ...keyset, caCertificate: Buffer.from('rubbish') }, key]]);
  t.like(await t.throwsAsync(issuanceOver({ value }).issueX509Svid(session, item, caller)), { code: 'STORE_CORRUPT' });
});
