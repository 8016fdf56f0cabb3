import test from 'ava';
import { openDeployment, operator, signal, statesOf, type Deployment } from './deployment.js';
import type { MemoryFileSystem } from '../../fakes/memory-file-system.js';
import { encodeRecord, decodeRecord } from '../../../server-stub/src/store/file/record-file.js';

type Json = Record<string, unknown>;
interface RingDocument {
  body: { keysets: Json[]; tombstones: Json[]; epoch: number; revision: number; deploymentId: string } & Json;
  macKey: Json;
  mac: string;
}

/** Edits a record as somebody would who knows the format and can write files, but has no key: the checksum is made right. */
function forge(files: MemoryFileSystem, name: string, change: (value: RingDocument) => void): void {
  files.edit(`/state/${name.replace('/', '.')}.json`, (text) => {
    const record = decodeRecord(name, Buffer.from(text));
    const value = structuredClone(record.value) as RingDocument;
    change(value);
    return encodeRecord(name, { version: record.version, value }).toString();
  });
}

/** Two keysets, the older one tainted; and what the disk was before the taint. */
async function tainted(): Promise<{ deployment: Deployment; before: MemoryFileSystem; ids: string[] }> {
  const deployment = await openDeployment();
  const { service, files } = deployment;
  const oldId = service.state.value.ring.keysets[0]?.id ?? '';
  const { keysetId } = await service.prepare(operator, signal);
  await service.activate(keysetId, operator, signal);
  const before = files.after('killed');
  await service.taint(oldId, operator, signal);
  return { deployment, before, ids: [keysetId, oldId] };
}

const forgeries: { name: string; change: (ring: RingDocument, ids: string[]) => unknown }[] = [
  {
    name: 'a keyset that is tainted no more',
    change: ({ body }) => (body.keysets[1] = { ...body.keysets[1], state: 'PREPARED' }),
  },
  { name: 'another authority', change: ({ body }) => (body.keysets[0]?.['x509Authorities'] as string[]).push('AAAA') },
  { name: 'another JWT key', change: ({ body }) => (body.keysets[0] = { ...body.keysets[0], jwtPublicSpki: 'AAAA' }) },
  { name: 'one keyset less', change: ({ body }) => body.keysets.pop() },
  { name: 'a tombstone', change: ({ body }, [id]) => body.tombstones.push({ id, removedAt: 0 }) },
  { name: 'another revision', change: ({ body }) => body.revision++ },
  { name: 'another epoch', change: ({ body }) => body.epoch++ },
  { name: 'an earlier last write', change: ({ body }) => (body['writtenAt'] = 0) },
  { name: 'an earlier demotion', change: ({ body }) => (body.keysets[1] = { ...body.keysets[1], demotedAt: 1 }) },
  { name: 'another deployment', change: ({ body }) => (body.deploymentId = 'tdd-2') },
  { name: 'an additional field', change: ({ body }) => (body['more'] = true) },
  { name: 'another MAC', change: (ring) => (ring.mac = 'AAAA') },
  { name: 'no MAC', change: (ring) => (ring.mac = '') },
  { name: 'another sealed MAC key', change: ({ macKey }) => (macKey['ciphertext'] = 'A'.repeat(64)) },
];
for (const { name, change } of forgeries) {
  test(`a ring with ${name} is refused at start and while running`, async (t) => {
    const { deployment, ids } = await tainted();
    const { files, service } = deployment;
    forge(files, 'ring', (ring) => change(ring, ids));
    await t.throwsAsync(service.prepare(operator, signal), { code: 'STORE_CORRUPT', message: /record "ring"/ });
    t.deepEqual(statesOf(service.state.value), ['ACTIVE', 'TAINTED']);
    await t.throwsAsync(openDeployment({ files }), { code: 'STORE_CORRUPT', message: /record "ring"/ });
  });
}

test('a ring or a claim of an unknown format is refused with its version', async (t) => {
  const { files, store, service } = await openDeployment();
  forge(files, 'ring', (ring) => Object.assign(ring, { format: 2 }));
  const refusal = { code: 'STORE_CORRUPT', message: /record "ring".*format version 2/ };
  await t.throwsAsync(openDeployment({ files }), refusal);
  forge(files, 'ring', (ring) => Object.assign(ring, { format: 1 }));
  await store.write('operation', { format: 9 }, undefined);
  await t.throwsAsync(service.prepare(operator, signal), {
    code: 'STORE_CORRUPT',
    message: /record "operation".*format version 9/,
  });
});

test('a key record put in the place of another is refused at start and while running', async (t) => {
  const { deployment, ids } = await tainted();
  const { files, service, store } = deployment;
  const [to, from] = ids.map((id) => `keysets/${id}`) as [string, string];
  const value = (await store.read(from))?.value;
  await store.write(to, value, (await store.read(to))?.version);
  await t.throwsAsync(service.prepare(operator, signal), { code: 'STORE_CORRUPT', message: new RegExp(to) });
  await t.throwsAsync(openDeployment({ files }), { code: 'STORE_CORRUPT', message: new RegExp(to) });
});

test('a file put in the place of another is refused by the name of its record', async (t) => {
  const { deployment, ids } = await tainted();
  const [to, from] = ids.map((id) => `/state/keysets.${id}.json`) as [string, string];
  const bytes = deployment.files.names.get(from)?.data.toString() ?? '';
  deployment.files.edit(to, () => bytes);
  await t.throwsAsync(openDeployment({ files: deployment.files }), {
    code: 'STORE_CORRUPT',
    message: /another record/,
  });
});

test('a missing key record, and keys without a ring, are refused at start', async (t) => {
  const { deployment, ids } = await tainted();
  const withoutKey = deployment.files.after('killed');
  withoutKey.names.delete(`/state/keysets.${ids[1] ?? ''}.json`);
  await t.throwsAsync(openDeployment({ files: withoutKey }), {
    code: 'STORE_CORRUPT',
    message: /has no key for key set/,
  });
  const withoutRing = deployment.files.after('killed');
  withoutRing.names.delete('/state/ring.json');
  await t.throwsAsync(openDeployment({ files: withoutRing }), { code: 'STORE_CORRUPT', message: /"ring".*missing/ });
});

test('the watch tells of an old ring put back, keeps the one in memory, and of its return to order', async (t) => {
  const { deployment, before } = await tainted();
  const { files, service, clock, logger } = deployment;
  const stop = new AbortController();
  const run = service.run(stop.signal);
  await clock.advance(20_000);
  t.deepEqual(logger.lines, []);
  const [old, present] = [before.names, files.names].map(
    (names) => names.get('/state/ring.json')?.data.toString() ?? '',
  );
  files.edit('/state/ring.json', () => old ?? '');
  await clock.advance(30_000);
  t.deepEqual(
    logger.lines.map(({ level }) => level),
    ['error'],
  );
  t.regex(String(logger.lines[0]?.fields['error']), /older than one that was in force/);
  t.deepEqual(statesOf(service.state.value), ['ACTIVE', 'TAINTED']);
  await t.throwsAsync(service.prepare(operator, signal), { code: 'STORE_CORRUPT' });
  await clock.advance(60_000);
  t.is(logger.lines.length, 2, 'told again once a minute');
  files.edit('/state/ring.json', () => present ?? '');
  await clock.advance(5_000);
  t.is(logger.lines.at(-1)?.level, 'info');
  await service.prepare(operator, signal);
  stop.abort();
  await run;
});

test('a newer ring that this server can verify is taken over', async (t) => {
  const { files, clock, service } = await openDeployment();
  const stop = new AbortController();
  const run = service.run(stop.signal);
  const other = await openDeployment({ files, clock });
  await other.service.prepare(operator, signal);
  await clock.advance(5_000);
  t.deepEqual(service.state.value.ring, other.service.state.value.ring);
  t.is(service.state.value.keys.size, 2);
  stop.abort();
  await run;
});
