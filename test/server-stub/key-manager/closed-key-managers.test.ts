import { createPublicKey, verify } from 'node:crypto';
import test from 'ava';
import { silentLogger } from '../../../src/runtime/logger.js';
import { canRelease } from '../../../server-stub/src/domain/key-manager.js';
import type { SigningKey } from '../../../server-stub/src/domain/signing-key.js';
import { KeyManagers } from '../../../server-stub/src/key-manager/key-managers.js';
import type { KeyManagerProvider, ProviderParts } from '../../../server-stub/src/key-manager/provider.js';
import { KEY_MANAGER_PROVIDERS } from '../../../server-stub/src/key-manager/providers.js';
import { createSealedKeyManager } from '../../../server-stub/src/key-manager/sealed-key-manager.js';
import { rawFromDer } from '../../../server-stub/src/signer/ecdsa-signature.js';
import { FakeClock } from '../../fakes/fake-clock.js';
import { FakeModule } from '../../fakes/fake-cryptoki.js';
import { MemoryRecordStore } from '../../fakes/memory-record-store.js';
import { plainSealer } from '../../fakes/plain-sealer.js';
import { tokenOf } from './pkcs11/token-of.js';

// Sessions with a service last as long as somebody needs them, and the keys stay where they are.

const signal = new AbortController().signal;
const DATA = Buffer.from('data');
const [MODULE, OTHER_MODULE] = ['/usr/lib/one.so', '/usr/lib/two.so'];

/** Two modules with a token each, behind the section's settings; `live.spec` is the section. */
function setUp() {
  const modules = new Map([MODULE, OTHER_MODULE].map((path) => [path, new FakeModule()]));
  const moduleAt = (path: unknown): FakeModule => modules.get(String(path)) ?? new FakeModule();
  const pkcs11: KeyManagerProvider = {
    ...KEY_MANAGER_PROVIDERS.pkcs11,
    problems: () => [],
    open: (settings) => {
      if (settings['pinPath'] === '/missing') return Promise.reject(new Error('no such file'));
      const sessions = Number(settings['sessions'] ?? 1);
      return Promise.resolve(tokenOf(moduleAt(settings['modulePath']), { sessions }).manager);
    },
  };
  const parts: ProviderParts = {
    files: { problem: () => undefined, read: () => Promise.reject(new Error('no')) },
    webhookHosts: [],
    modules: [...modules.keys()],
    pkcs11Problem: () => undefined,
    environment: () => undefined,
    owner: { trustDomainId: 'td-1', deploymentId: 'tdd-1' },
    clock: new FakeClock(),
    logger: silentLogger,
    rawFromDer,
    connectAwsKms: { defaultRegion: () => Promise.resolve(''), connect: () => Promise.reject(new Error('no')) },
    connectKeyVault: () => Promise.reject(new Error('no')),
  };
  const sealed = createSealedKeyManager({ store: new MemoryRecordStore(), sealer: plainSealer });
  const metrics = { keyServiceCalled: () => {}, signedWrongly: () => {} };
  const live: { spec: unknown } = { spec: undefined };
  const all = { ...parts, sealed, spec: () => live.spec, metrics, random: () => 0.5 };
  const managers = new KeyManagers(all, { ...KEY_MANAGER_PROVIDERS, pkcs11 });
  const [one, two] = [moduleAt(MODULE), moduleAt(OTHER_MODULE)];
  return { managers, live, one, two };
}

const section = (modulePath: string, more: object = {}) => ({
  extensions: { pkcs11: { modulePath, tokenLabel: 'tokens of tests', pinPath: '/etc/spirl/pin', ...more } },
});

async function signs(key: SigningKey): Promise<boolean> {
  const publicKey = createPublicKey({ key: Buffer.from(key.publicKeySpki), format: 'der', type: 'spki' });
  return verify('sha256', DATA, { key: publicKey, dsaEncoding: 'ieee-p1363' }, await key.sign(DATA, signal));
}

test('what neither the ring nor the section needs is closed; a keyset of the past keeps its key manager open', async (t) => {
  const { managers, live, one, two } = setUp();
  live.spec = section(MODULE);
  const first = await managers.next();
  const key = await first.manager.createKey('ks_aaaaaaaaaa', 'EC-P256', signal);
  live.spec = section(OTHER_MODULE);
  const second = await managers.next();
  await second.manager.createKey('ks_bbbbbbbbbb', 'EC-P256', signal);
  await managers.settle([first, second]);
  t.deepEqual([one.sessions.size, two.sessions.size], [1, 1]);
  t.true(await signs(key));
  await managers.settle([second]);
  t.deepEqual([one.sessions.size, two.sessions.size], [0, 1]);
  t.false(one.loggedIn);
  t.is(managers.levels().length, 1);
  // Nobody is cut off by that: a key that is asked for after all is reached.
  t.true(await signs(key));
  t.deepEqual((await (await managers.holder(first)).listKeys(signal)).length, 1);
});

test('the section needs its key manager before there is a key in it', async (t) => {
  const { managers, live, one } = setUp();
  live.spec = section(MODULE);
  await (await managers.next()).manager.listKeys(signal);
  await managers.settle([]);
  t.is(one.sessions.size, 1);
  live.spec = undefined;
  await managers.settle([{ custody: 'sealed' }, { custody: 'of another version' }]);
  t.is(one.sessions.size, 0);
});

test('new settings for the same token count for its old keys too, and the old sessions end', async (t) => {
  const { managers, live, one } = setUp();
  live.spec = section(MODULE);
  const before = await managers.next();
  const key = await before.manager.createKey('ks_aaaaaaaaaa', 'EC-P256', signal);
  live.spec = section(MODULE, { sessions: 3 });
  const after = await managers.next();
  t.is(after.manager, before.manager);
  t.true(await signs(key));
  t.is(one.sessions.size, 3);
  live.spec = section(OTHER_MODULE);
  t.is(await managers.holder(before), before.manager);
  t.true(await signs(key));
  t.is(one.sessions.size, 3, 'the settings in the record are older than those it was opened with last');
});

test('new settings count without anybody asking for a key', async (t) => {
  const { managers, live, one } = setUp();
  live.spec = section(MODULE);
  const maker = await managers.next();
  const key = await maker.manager.createKey('ks_aaaaaaaaaa', 'EC-P256', signal);
  live.spec = section(MODULE, { sessions: 2 });
  await managers.settle([maker]);
  t.true(await signs(key));
  t.is(one.sessions.size, 2);
  live.spec = section(MODULE, { pinPath: '/missing' });
  await managers.settle([maker]);
  t.true(await signs(key));
});

test('settings that cannot be used replace nothing', async (t) => {
  const { managers, live } = setUp();
  live.spec = section(MODULE);
  const before = await managers.next();
  const key = await before.manager.createKey('ks_aaaaaaaaaa', 'EC-P256', signal);
  live.spec = section(MODULE, { pinPath: '/missing' });
  await t.throwsAsync(managers.next(), { message: 'no such file' });
  t.true(await signs(key));
});

test('a call under way ends before its sessions do', async (t) => {
  const { managers, live, one } = setUp();
  live.spec = section(MODULE);
  const maker = await managers.next();
  const key = await maker.manager.createKey('ks_aaaaaaaaaa', 'EC-P256', signal);
  live.spec = undefined;
  const signing = signs(key);
  await managers.settle([]);
  t.is(one.sessions.size, 1);
  t.true(await signing);
  await managers.settle([]);
  t.is(one.sessions.size, 0);
});

test('a server that stops ends all sessions', async (t) => {
  const { managers, live, one, two } = setUp();
  for (const modulePath of [MODULE, OTHER_MODULE]) {
    live.spec = section(modulePath);
    await (await managers.next()).manager.listKeys(signal);
  }
  await managers.close();
  t.deepEqual([one.sessions.size, two.sessions.size], [0, 0]);
});

test('another key under the name of an old one is refused after new settings, not used', async (t) => {
  const { managers, live, one } = setUp();
  live.spec = section(MODULE);
  const { manager } = await managers.next();
  const key = await manager.createKey('ks_aaaaaaaaaa', 'EC-P256', signal);
  if (canRelease(manager)) await manager.releaseKey('ks_aaaaaaaaaa', signal);
  await manager.createKey('ks_aaaaaaaaaa', 'EC-P256', signal);
  live.spec = section(MODULE, { sessions: 2 });
  await managers.next();
  await t.throwsAsync(key.sign(DATA, signal), { code: 'KEY_SERVICE_REFUSED', message: /no longer has the key/ });
  t.true(one.sessions.size > 0);
});
