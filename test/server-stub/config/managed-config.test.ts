import test from 'ava';
import { CONFIG_VERSION_PATTERN, nextConfigVersion } from '../../../server-stub/src/config/config-version.js';
import { ManagedConfig } from '../../../server-stub/src/config/managed-config.js';
import {
  agentSections,
  clusterSection,
  deploymentSection,
} from '../../../server-stub/src/config/managed-config-state.js';
import { sectionTypes } from '../../../server-stub/src/config/managed-section-types.js';
import type { ConfigScope } from '../../../server-stub/src/config/managed-section.js';
import type { RecordStore } from '../../../server-stub/src/domain/record-store.js';
import { SpirlError } from '../../../src/runtime/errors.js';
import { FakeClock } from '../../fakes/fake-clock.js';
import { MemoryRecordStore } from '../../fakes/memory-record-store.js';

const cluster: ConfigScope = { kind: 'cluster', id: 'c-1' };
const deployment: ConfigScope = { kind: 'trust-domain-deployment', id: 'tdd-1' };
const types = sectionTypes(() => []);

const linux = (path: boolean): string =>
  `section: WorkloadAttestation\nschema: v1\nspec: { linux: { discoverWorkloadPath: ${path} } }\n`;
const redaction = 'section: AttributeRedaction\nschema: v1\n';
const policy = 'section: SVIDIssuancePolicy\nschema: v1\nspec: { policy: { pathTemplate: /a } }\n';
const upstream = (comment: string): string => `section: UpstreamAuthority # ${comment}\nschema: v1\n`;

const update = (documents: string[], more: { prune?: boolean; expectedVersion?: string } = {}) => ({
  ...{ documents, prune: false, expectedVersion: '' },
  ...more,
});

async function open(store: RecordStore = new MemoryRecordStore(), clock = new FakeClock()) {
  return { config: await ManagedConfig.open({ store, clock, types }), store, clock };
}

test('an update is in force at once, for subscribers too, and after a restart', async (t) => {
  const { config, store } = await open();
  const seen: number[] = [];
  config.state.subscribe(({ version }) => seen.push(version), new AbortController().signal);
  const version = await config.update(cluster, update([linux(true), policy]));
  t.deepEqual(seen, [1, 2]);
  t.deepEqual(agentSections(config.state.value, 'c-1'), {
    WorkloadAttestation: { linux: { discoverWorkloadPath: true } },
  });
  t.deepEqual(clusterSection(config.state.value, 'c-1', 'SVIDIssuancePolicy')?.spec, {
    policy: { pathTemplate: '/a' },
  });
  const again = await open(store);
  t.deepEqual(again.config.get(cluster), config.get(cluster));
  t.is(again.config.get(cluster).version, version);
  t.deepEqual(again.config.get({ kind: 'cluster', id: 'c-2' }).sections, []);
});

test('an update replaces its sections and leaves the others as they are, the same objects', async (t) => {
  const { config } = await open();
  await config.update(cluster, update([linux(true), policy]));
  const before = clusterSection(config.state.value, 'c-1', 'SVIDIssuancePolicy');
  await config.update(cluster, update([linux(false)]));
  t.is(clusterSection(config.state.value, 'c-1', 'SVIDIssuancePolicy'), before);
  t.deepEqual(agentSections(config.state.value, 'c-1'), {
    WorkloadAttestation: { linux: { discoverWorkloadPath: false } },
  });
});

test('prune drops what is not listed', async (t) => {
  const { config } = await open();
  await config.update(cluster, update([linux(true), redaction, policy]));
  await config.update(cluster, update([redaction], { prune: true }));
  t.deepEqual(
    config.get(cluster).sections.map(({ section }) => section),
    ['AttributeRedaction'],
  );
});

test('one problem refuses the whole update, told as text; nothing changes', async (t) => {
  const { config } = await open();
  const version = await config.update(cluster, update([linux(true)]));
  const error = await t.throwsAsync(
    config.update(cluster, update([policy, 'section: WorkloadAttestation\nschema: v1\nspec: { jwt: {} }\n', 'x: ['])),
    { instanceOf: SpirlError },
  );
  t.is(error.code, 'INVALID_CONFIG');
  t.regex(
    error.message,
    /^the configuration is not valid:\n {2}WorkloadAttestation \/spec\/jwt: .*\n {2}document 3 \/: /,
  );
  t.is(config.get(cluster).version, version);
  t.is(config.get(cluster).sections.length, 1);
});

test('validate changes nothing', async (t) => {
  const { config } = await open();
  t.deepEqual(config.validate(cluster, update([linux(true)])), []);
  t.is(config.validate(cluster, update(['section: KeyManager\nschema: v1\n'])).length, 1);
  t.is(config.state.value.version, 1);
});

test('an expected version that is not in force refuses', async (t) => {
  const { config } = await open();
  await t.throwsAsync(config.update(cluster, update([policy], { expectedVersion: 'x' })), {
    message: 'version x is expected, none is in force',
  });
  const first = await config.update(cluster, update([policy]));
  const second = await config.update(cluster, update([linux(true)], { expectedVersion: first }));
  await t.throwsAsync(config.update(cluster, update([policy], { expectedVersion: first })), {
    code: 'VERSION_MISMATCH',
  });
  t.throws(() => config.validate(cluster, update([policy], { expectedVersion: first })), { code: 'VERSION_MISMATCH' });
  t.is(config.get(cluster).version, second);
});

test('another replica that was faster: its sections stay, unless the caller named the version it knows', async (t) => {
  const store = new MemoryRecordStore();
  const { config: one } = await open(store);
  const { config: other } = await open(store);
  const first = await one.update(cluster, update([linux(true)]));
  await other.update(cluster, update([policy]));
  t.deepEqual(
    other.get(cluster).sections.map(({ section }) => section),
    ['SVIDIssuancePolicy', 'WorkloadAttestation'],
  );
  await t.throwsAsync(one.update(cluster, update([redaction], { expectedVersion: first })), {
    code: 'VERSION_MISMATCH',
  });
});

test('two updates at once: both are in, whichever came first', async (t) => {
  const { config } = await open();
  await Promise.all([config.update(cluster, update([linux(true)])), config.update(cluster, update([policy]))]);
  t.is(config.get(cluster).sections.length, 2);
});

test('a store that fails leaves the old state in force', async (t) => {
  const store = new MemoryRecordStore();
  const failing: RecordStore = {
    read: (name) => store.read(name),
    list: (prefix) => store.list(prefix),
    remove: (name, expected) => store.remove(name, expected),
    write: () => Promise.reject(new SpirlError('STORE_FAILED', 'no space left on device')),
  };
  const { config } = await open(failing);
  await t.throwsAsync(config.update(cluster, update([policy])), { code: 'STORE_FAILED' });
  t.is(config.state.value.version, 1);
});

const corrupt: { name: string; record: string; value: unknown }[] = [
  { name: 'another format', record: 'config/cluster/c-1', value: { format: 2 } },
  { name: 'no version', record: 'config/cluster/c-1', value: { format: 1, sections: [] } },
  {
    name: 'a scope that is none',
    record: 'config/galaxy/c-1',
    value: { format: 1, version: 'x'.repeat(27), sections: [] },
  },
  {
    name: 'a section that is no document',
    record: 'config/cluster/c-1',
    value: { format: 1, version: 'x'.repeat(27), sections: [{ document: '[', updatedAt: 1 }] },
  },
];
for (const { name, record, value } of corrupt) {
  test(`a record that cannot be understood is named at the start: ${name}`, async (t) => {
    const store = new MemoryRecordStore();
    await store.write(record, value, undefined);
    const error = await t.throwsAsync(open(store), { instanceOf: SpirlError });
    t.is(error.code, 'STORE_CORRUPT');
    t.true(error.message.includes(record));
  });
}

test('an upstream set through a cluster is the deployment’s: the one set last counts', async (t) => {
  const { config, clock } = await open();
  const present = (): string | undefined =>
    /# (\w+)/.exec(deploymentSection(config.state.value, 'tdd-1', 'UpstreamAuthority')?.document ?? '')?.[1];
  t.is(present(), undefined);
  await config.update(deployment, update([upstream('deployment')]));
  t.is(present(), 'deployment');
  await clock.advance(1);
  await config.update(cluster, update([upstream('cluster')]));
  t.is(present(), 'cluster');
});

test('versions sort by time, also when the clock goes back, and are never the same', (t) => {
  const now = Date.UTC(2026, 0, 1);
  const versions = [nextConfigVersion(now, '')];
  for (const at of [now, now + 1, now - 86_400_000, now + 1_000]) {
    versions.push(nextConfigVersion(at, versions.at(-1) ?? ''));
  }
  t.deepEqual([...versions].sort(), versions);
  t.is(new Set(versions).size, versions.length);
  t.true(versions.every((version) => CONFIG_VERSION_PATTERN.test(version)));
});
