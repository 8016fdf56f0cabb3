import anyTest, { type TestFn } from 'ava';
import { TrustDomain } from '../../../src/domain/trust-domain.js';
import { upstreamAuthorityContract } from '../../contract/upstream-authority.js';
import { forever, localKey, remoteKey } from '../../server-stub/signer/signing-keys.js';
import { DAY } from '../../server-stub/upstream-authority/upstream-of.js';
import { startCfssl, startStepCa, type Bridged } from './bridge.js';
import { checkWithOpenssl } from './leaf-below.js';

const test = anyTest.serial as TestFn;
const started = new Map<string, Bridged>();
const authorities = { 'step-ca': startStepCa, cfssl: startCfssl };

anyTest.before(async () => {
  for (const [name, start] of Object.entries(authorities)) started.set(name, await start());
});
anyTest.after.always(async () => {
  for (const bridged of started.values()) await bridged.stop();
});

const request = (key = remoteKey(), keysetId = 'ks_aaaaaaaaaa') => ({
  key,
  keysetId,
  trustDomain: TrustDomain.parse('example.org'),
  preferredTtlMs: 90 * DAY,
});

for (const name of Object.keys(authorities)) {
  const bridgedOf = (): Bridged => {
    const bridged = started.get(name);
    if (bridged === undefined) throw new Error(`${name} was not started`);
    return bridged;
  };

  upstreamAuthorityContract(
    test,
    name,
    () => {
      // cfssl's lifetimes belong to profiles: asked for 20 days it gives the next shorter one, 2 h.
      const longestTtlMs = name === 'cfssl' ? 2 * 3600 * 1000 : 30 * DAY;
      return Promise.resolve({ authority: bridgedOf().authority, now: Date.now(), longestTtlMs });
    },
    ['EC-P256', 'EC-P384', 'RSA-2048'],
  );

  test(`${name}: 90 days wished, 30 given; the company's chain is delivered, its root in the bundle`, async (t) => {
    const { authority, root, issuing } = bridgedOf();
    const key = remoteKey();
    const minted = await authority.mintCa(request(key), forever);
    t.true(Math.abs(minted.notAfter - (Date.now() + 30 * DAY)) < 10 * 60_000);
    t.deepEqual(
      minted.intermediates.map((der) => Buffer.from(der)),
      [issuing.der],
    );
    t.deepEqual(
      minted.x509Authorities.map((der) => Buffer.from(der)),
      [root.der],
    );
    await checkWithOpenssl(t, minted, key);
  });

  test(`${name}: a wrong bearer token is refused`, async (t) => {
    const failed = bridgedOf().stranger.mintCa(request(localKey()), forever);
    const error = await t.throwsAsync(failed, { code: 'KEY_SERVICE_REFUSED' });
    t.regex(error.message, /HTTP 401: a bearer token is needed/);
  });

  test(`${name}: with the authority away the bridge says so`, async (t) => {
    const { authority, stopAuthority } = bridgedOf();
    await stopAuthority();
    const error = await t.throwsAsync(authority.mintCa(request(), forever), { code: 'KEY_SERVICE_REFUSED' });
    t.regex(error.message, /HTTP 502: \S+ cannot be reached/);
  });
}
