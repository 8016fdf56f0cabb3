import { generateKeyPairSync } from 'node:crypto';
import test from 'ava';
import { ClusterRegistry, MAX_CLUSTER_KEYS } from '../../../server-stub/src/clusters/cluster-registry.js';
import { type ErrorCode, hasCode } from '../../../src/runtime/errors.js';
import { silentLogger } from '../../../src/runtime/logger.js';
import { FakeClock } from '../../fakes/fake-clock.js';
import { MemoryRecordStore } from '../../fakes/memory-record-store.js';

const ed25519 = (): Buffer => generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'der' });
const p256 = (): Buffer =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'der' });

async function setUp() {
  const [store, clock] = [new MemoryRecordStore(), new FakeClock()];
  const options = { store, clock, logger: silentLogger, trustDomain: 'example.org' };
  const clusters = await ClusterRegistry.open(options);
  return { clusters, clock, store, again: () => ClusterRegistry.open(options) };
}

const login = (id: string, clusterId: string) => ({
  id,
  clusterId,
  clusterVersionId: 'cv-1',
  version: '1',
  nodeName: 'n',
});

test('a cluster and its key outlive a restart', async (t) => {
  const { clusters, again } = await setUp();
  const publicKey = ed25519();
  const { clusterId, clusterVersionId } = await clusters.register({ name: 'fleet', platform: 'linux', publicKey });
  t.regex(clusterId, /^c-[a-z0-9]{12}$/);
  t.regex(clusterVersionId, /^cv-[a-z0-9]{12}$/);
  const after = await again();
  t.like(after.list(), { length: 1, 0: { id: clusterId, name: 'fleet', platform: 'linux' } });
  t.deepEqual(after.publicKey(clusterId, clusterVersionId)?.export({ type: 'spki', format: 'der' }), publicKey);
  t.is(after.publicKey(clusterId, 'cv-other'), undefined);
});

test('a name is registered once, also by two replicas at one moment', async (t) => {
  const { clusters, again } = await setUp();
  const other = await again();
  const request = (): Parameters<typeof clusters.register>[0] => ({
    name: 'fleet',
    platform: 'k8s',
    publicKey: ed25519(),
  });
  const results = await Promise.allSettled([clusters.register(request()), other.register(request())]);
  t.deepEqual(results.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  const error = await t.throwsAsync(clusters.register(request()));
  t.true(hasCode(error, 'ALREADY_EXISTS'));
});

const refused: { name: string; request: { name?: string; platform?: string; publicKey?: Buffer }; says: RegExp }[] = [
  { name: 'an empty name', request: { name: '' }, says: /not a cluster name: ""/ },
  { name: 'a name with a slash', request: { name: 'a/b' }, says: /not a cluster name/ },
  { name: 'the name ..', request: { name: '..' }, says: /not a cluster name/ },
  { name: 'an endless name', request: { name: 'a'.repeat(64) }, says: /not a cluster name/ },
  { name: 'an unknown platform', request: { platform: 'windows' }, says: /not a platform: "windows" \(k8s, linux\)/ },
  { name: 'a P-256 key', request: { publicKey: p256() }, says: /must be an Ed25519 public key/ },
  { name: 'no key', request: { publicKey: Buffer.alloc(0) }, says: /must be an Ed25519 public key/ },
];
for (const { name, request, says } of refused) {
  test(`${name} is refused`, async (t) => {
    const { clusters } = await setUp();
    const whole = { name: 'fleet', platform: 'linux', publicKey: ed25519(), ...request };
    const error = await t.throwsAsync(clusters.register(whole), { message: says });
    t.true(hasCode(error, 'INVALID_REQUEST'));
    t.is(clusters.list().length, 0);
  });
}

test('an eleventh key deletes the oldest and says so to open sessions', async (t) => {
  const { clusters } = await setUp();
  const first = await clusters.register({ name: 'fleet', platform: 'linux', publicKey: ed25519() });
  for (let keys = 1; keys < MAX_CLUSTER_KEYS; keys++) await clusters.addKey(first.clusterId, ed25519());
  const revocations = clusters.revocations.value.version;
  const { deleted } = await clusters.addKey(first.clusterId, ed25519());
  t.is(deleted, first.clusterVersionId);
  t.is(clusters.require(first.clusterId).keys.length, MAX_CLUSTER_KEYS);
  t.is(clusters.publicKey(first.clusterId, first.clusterVersionId), undefined);
  t.true(clusters.revocations.value.version > revocations);
});

test('the same key is not added twice; what is unknown is said to be', async (t) => {
  const { clusters } = await setUp();
  const publicKey = ed25519();
  const { clusterId } = await clusters.register({ name: 'fleet', platform: 'linux', publicKey });
  const code = async (work: Promise<unknown>): Promise<ErrorCode | undefined> => {
    const error: unknown = await work.catch((thrown: unknown) => thrown);
    return (error as { code?: ErrorCode }).code;
  };
  t.is(await code(clusters.addKey(clusterId, publicKey)), 'ALREADY_EXISTS');
  t.is(await code(clusters.deleteKey(clusterId, 'cv-unknown')), 'NOT_FOUND');
  t.is(await code(clusters.addKey('c-unknown', publicKey)), 'NOT_FOUND');
  t.is(await code(clusters.evict('a-unknown')), 'NOT_FOUND');
  t.throws(() => clusters.listAgents('c-unknown'), { message: 'unknown cluster c-unknown' });
});

test('logins, renewals and evictions outlive a restart', async (t) => {
  const { clusters, clock, again } = await setUp();
  const { clusterId } = await clusters.register({ name: 'fleet', platform: 'linux', publicKey: ed25519() });
  await clusters.recordLogin(login('a-1', clusterId), clock.now() + 1_000);
  await clusters.recordRenewal('a-1', '2', clock.now() + 2_000);
  await clusters.evict('a-1');
  const [agent] = (await again()).listAgents(clusterId);
  t.like(agent, { id: 'a-1', version: '2', sessionExpiresAt: clock.now() + 2_000, evictedAt: clock.now() });
});

test('an agent that logged in at another replica is found', async (t) => {
  const { clusters, clock, again } = await setUp();
  const other = await again();
  await clusters.recordLogin(login('a-1', 'c-1'), clock.now() + 1_000);
  t.is((await other.agents.find('a-1'))?.id, 'a-1');
  t.is(await other.agents.find('a-2'), undefined);
});

test('expired agents are forgotten, living ones and those renewed elsewhere are not', async (t) => {
  const { clusters, clock, store, again } = await setUp();
  const other = await again();
  const stop = new AbortController();
  const running = clusters.run(stop.signal).catch(() => {});
  for (const id of ['a-short', 'a-long', 'a-renewed']) {
    await clusters.recordLogin(login(id, 'c-1'), clock.now() + (id === 'a-long' ? 86_400_000 : 1_000));
  }
  await other.recordRenewal('a-renewed', '2', clock.now() + 86_400_000);
  await clock.advance(2 * 3_600_000);
  const ids = clusters.listAgents().map(({ id }) => id);
  t.deepEqual(ids.sort(), ['a-long', 'a-renewed']);
  t.deepEqual(await store.list('agents/'), ['agents/a-long', 'agents/a-renewed']);
  stop.abort();
  await running;
});

test('a record that cannot be read is named', async (t) => {
  const { clusters, store, again } = await setUp();
  await clusters.register({ name: 'fleet', platform: 'linux', publicKey: ed25519() });
  await store.write('clusters/c-odd', { format: 1, keys: 3 }, undefined);
  const error = await t.throwsAsync(again(), { message: 'the record clusters/c-odd cannot be read' });
  t.true(hasCode(error, 'STORE_CORRUPT'));
});
