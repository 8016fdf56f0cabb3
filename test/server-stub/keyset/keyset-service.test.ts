import test from 'ava';
import { systemClock } from '../../../src/runtime/clock.js';
import { SpirlError } from '../../../src/runtime/errors.js';
import type { KeyManager } from '../../../server-stub/src/domain/key-manager.js';
import { raiseEpoch } from '../../../server-stub/src/keyset/raise-epoch.js';
import { flush } from '../../fakes/fake-clock.js';
import {
  activeId,
  mintCa,
  onlyKeyManager,
  openDeployment,
  operator,
  requireUsable,
  signal,
  statesOf,
} from './deployment.js';
import { DAY } from './rings.js';

const SENTENCE = 'The request failed due to an internal error, please try again.';
const away = () => new SpirlError('KEY_SERVICE_UNAVAILABLE', 'the key service is away');
/** Waits for what threads of the pool have to finish first. */
async function eventually(condition: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 2000; turn++) {
    if (await condition()) return;
    await systemClock.sleep(5, signal);
  }
  throw new Error('it did not happen');
}

/** A promise that the test settles. */
function gate() {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { open: () => open(), opened };
}

test('a first start makes one active keyset, a second start finds it', async (t) => {
  const first = await openDeployment();
  t.deepEqual(statesOf(first.service.state.value), ['ACTIVE']);
  t.deepEqual(
    first.events.map(({ operation, operator: who }) => [operation, who.name]),
    [
      ['Prepared', 'schedule'],
      ['Activated', 'schedule'],
    ],
  );
  const second = await openDeployment({ files: first.files });
  t.deepEqual(second.service.state.value.ring, first.service.state.value.ring);
  requireUsable(second.service.state.value);
  t.deepEqual(second.events, []);
});

test('the rotation of the runbook, with who did it in the audit log', async (t) => {
  const { service, events, published, store } = await openDeployment();
  events.length = 0;
  const oldId = activeId(service.state.value);
  const { keysetId } = await service.prepare(operator, signal);
  t.deepEqual(statesOf(service.state.value), ['PREPARED', 'ACTIVE']);
  t.false((await service.activate(keysetId, operator, signal)).unchanged);
  t.deepEqual(statesOf(service.state.value), ['ACTIVE', 'PREPARED']);
  await service.taint(oldId, operator, signal);
  t.deepEqual(statesOf(service.state.value), ['ACTIVE', 'TAINTED']);
  const { ring } = await service.remove(oldId, operator, signal);
  t.deepEqual(
    ring.keysets.map(({ id }) => id),
    [keysetId],
  );
  requireUsable(service.state.value);
  t.deepEqual(
    events.map(({ operation, keysetId: id, replacedKeysetId, operator: who, outcome }) => [
      operation,
      id,
      replacedKeysetId,
      who.name,
      outcome,
    ]),
    [
      ['Prepared', keysetId, undefined, 'uid:0', 'Done'],
      ['Activated', keysetId, oldId, 'uid:0', 'Done'],
      ['Tainted', oldId, undefined, 'uid:0', 'Done'],
      ['Removed', oldId, undefined, 'uid:0', 'Done'],
    ],
  );
  t.deepEqual(published, [3, 4, 5, 6]);
  t.deepEqual(await store.list(''), [`keysets/${keysetId}`, 'ring']);
});

test('what cannot be done is refused in the known words, and told to the audit log', async (t) => {
  const { service, events } = await openDeployment();
  const id = activeId(service.state.value);
  const before = service.state.value;
  await t.throwsAsync(service.taint(id, operator, signal), {
    code: 'KEYSET_TRANSITION_REFUSED',
    message: 'cannot taint active key set',
  });
  t.like(events.at(-1), { operation: 'Tainted', keysetId: id, outcome: 'Failed', code: 'KEYSET_TRANSITION_REFUSED' });
  await t.throwsAsync(service.activate('ks_0000000000', operator, signal), {
    code: 'NOT_FOUND',
    message: 'key set ks_0000000000 not found',
  });
  await t.throwsAsync(service.remove('nonsense', operator, signal), { code: 'INVALID_REQUEST' });
  t.is(service.state.value, before);
});

test('repeating a step that was done succeeds unchanged', async (t) => {
  const { service, events, published } = await openDeployment();
  const oldId = activeId(service.state.value);
  const { keysetId } = await service.prepare(operator, signal);
  const steps = [
    () => service.activate(keysetId, operator, signal),
    () => service.taint(oldId, operator, signal),
    () => service.remove(oldId, operator, signal),
  ];
  for (const step of steps) {
    t.false((await step()).unchanged);
    const [before, told] = [service.state.value, published.length];
    t.true((await step()).unchanged);
    t.is(service.state.value, before);
    t.is(published.length, told);
    t.is(events.at(-1)?.outcome, 'Unchanged');
  }
});

test('a second command fails at once while one is under way, and list does not wait', async (t) => {
  const { open, opened } = gate();
  const deployment = await openDeployment();
  const { clock } = deployment;
  const slow = {
    mintCa: async (request: Parameters<typeof mintCa>[0]) => opened.then(() => mintCa(request, clock.now())),
  };
  const { service } = await openDeployment({ files: deployment.files, clock, parts: { upstream: slow } });
  const prepared = service.prepare(operator, signal);
  await flush();
  t.is(service.underWay, 'prepare by uid:0');
  const id = activeId(service.state.value);
  for (const command of [service.prepare(operator, signal), service.taint(id, operator, signal)]) {
    await t.throwsAsync(command, { code: 'CONCURRENT_MUTATION', message: SENTENCE });
  }
  open();
  await prepared;
  t.is(service.underWay, undefined);
  await service.prepare(operator, signal);
});

test("another replica's claim refuses at once until it expires; one's own from before a restart does not", async (t) => {
  const { files, clock, service, store } = await openDeployment();
  const claim = { format: 1, holder: 'replica-1', command: 'prepare', expiresAt: clock.now() + 1000 };
  await store.write('operation', claim, undefined);
  await t.throwsAsync(service.prepare(operator, signal), { code: 'CONCURRENT_MUTATION', message: SENTENCE });
  await openDeployment({ files, clock });
  t.truthy(await store.read('operation'));
  clock.jump(1001);
  await service.prepare(operator, signal);
  t.is(await store.read('operation'), undefined);
  await store.write('operation', { ...claim, holder: 'replica-0', expiresAt: clock.now() + 1000 }, undefined);
  await openDeployment({ files, clock });
  t.is(await store.read('operation'), undefined);
});

test('a commit that loses the race fails with the known sentence and leaves no key behind', async (t) => {
  const deployment = await openDeployment();
  const { files, clock } = deployment;
  const rival = await openDeployment({ files, clock });
  const upstream = {
    mintCa: async (request: Parameters<typeof mintCa>[0]) => {
      // As if the rival had not seen the claim: the compare-and-swap of the ring still decides.
      const claim = await rival.store.read('operation');
      await rival.store.remove('operation', claim?.version ?? '');
      await rival.service.prepare({ name: 'rival' }, signal);
      return mintCa(request, clock.now());
    },
  };
  const { service, store } = await openDeployment({ files, clock, parts: { upstream } });
  await t.throwsAsync(service.prepare(operator, signal), { code: 'CONCURRENT_MUTATION', message: SENTENCE });
  t.is((await store.list('keysets/')).length, 2);
});

test('before the commit a failure changes nothing', async (t) => {
  const { files, clock, service: first } = await openDeployment();
  const failing = await openDeployment({ files, clock, parts: { upstream: { mintCa: () => Promise.reject(away()) } } });
  await t.throwsAsync(failing.service.prepare(operator, signal), { code: 'KEY_SERVICE_UNAVAILABLE' });
  t.deepEqual(failing.service.state.value.ring, first.state.value.ring);
  t.is((await failing.store.list('keysets/')).length, 1);
  t.is(await failing.store.read('operation'), undefined);
});

test('a CA certificate for another key is not taken', async (t) => {
  const { files, clock, service } = await openDeployment();
  const key = service.state.value.keys.get(activeId(service.state.value))?.x509;
  if (key === undefined) return t.fail();
  const upstream = { mintCa: (request: Parameters<typeof mintCa>[0]) => mintCa({ ...request, key }, clock.now()) };
  const next = await openDeployment({ files, clock, parts: { upstream } });
  await t.throwsAsync(next.service.prepare(operator, signal), { code: 'KEY_SERVICE_UNAVAILABLE' });
  t.deepEqual(statesOf(next.service.state.value), ['ACTIVE']);
});

test('a command ends after 120 s; a key that a deaf service makes later is let go', async (t) => {
  const { files, clock } = await openDeployment();
  const [asked, late] = [gate(), gate()];
  const upstream = {
    mintCa: async (request: Parameters<typeof mintCa>[0]) => {
      asked.open();
      await late.opened;
      return mintCa(request, clock.now());
    },
  };
  const { service, store } = await openDeployment({ files, clock, parts: { upstream } });
  const refused = t.throwsAsync(service.prepare(operator, signal), { code: 'DEADLINE_EXCEEDED' });
  await asked.opened;
  await clock.advance(120_000);
  await refused;
  await flush();
  t.is(service.underWay, undefined);
  t.deepEqual(statesOf(service.state.value), ['ACTIVE']);
  t.is((await store.list('keysets/')).length, 2);
  late.open();
  await eventually(async () => (await store.list('keysets/')).length === 1);
  t.pass();
});

test('after the commit the state stands, whatever the caller saw', async (t) => {
  const { files, clock } = await openDeployment();
  const { open, opened } = gate();
  const publisher = {
    published: () => {
      open();
      return new Promise<void>(() => {});
    },
  };
  const { service } = await openDeployment({ files, clock, publisher });
  const gone = new AbortController();
  const prepared = service.prepare(operator, gone.signal);
  await opened;
  gone.abort(new SpirlError('UNAVAILABLE', 'the caller has gone'));
  await t.throwsAsync(prepared, { code: 'UNAVAILABLE' });
  t.deepEqual(statesOf(service.state.value), ['PREPARED', 'ACTIVE']);
});

test('with a full disk a mutation fails and the old state stays', async (t) => {
  const { files, service } = await openDeployment();
  const before = service.state.value;
  for (const full of ['/state/.tmp', '/state/keysets', '/state/ring']) {
    files.failing = (call, path) => (call !== 'readFile' && path.startsWith(full) ? 'ENOSPC' : undefined);
    await t.throwsAsync(service.prepare(operator, signal), { code: 'STORE_FAILED', message: /no space left/ }, full);
    files.failing = () => undefined;
  }
  t.is(service.state.value, before);
  await service.prepare(operator, signal);
  const after = await openDeployment({ files });
  t.deepEqual(after.service.state.value.ring, service.state.value.ring);
  t.is((await after.store.list('keysets/')).length, 2);
});

test('while the clock stands before the last write no keyset is made, but a taint goes through', async (t) => {
  const { service, clock } = await openDeployment();
  const { keysetId } = await service.prepare(operator, signal);
  clock.jump(-DAY);
  await t.throwsAsync(service.prepare(operator, signal), { code: 'CLOCK_WENT_BACK' });
  t.false(await service.rotate(signal));
  await service.taint(keysetId, operator, signal);
  t.deepEqual(statesOf(service.state.value), ['TAINTED', 'ACTIVE']);
});

test('while the key service is away the schedule fails and changes nothing; when it is back it rotates', async (t) => {
  const { files, clock, service: first } = await openDeployment();
  const oldId = activeId(first.state.value);
  let back = false;
  const upstream = {
    mintCa: (request: Parameters<typeof mintCa>[0]) => (back ? mintCa(request, clock.now()) : Promise.reject(away())),
  };
  const { service, events } = await openDeployment({ files, clock, parts: { upstream } });
  t.false(await service.rotate(signal));
  clock.jump(76 * DAY);
  for (let i = 0; i < 3; i++) await t.throwsAsync(service.rotate(signal), { code: 'KEY_SERVICE_UNAVAILABLE' });
  t.deepEqual(service.state.value.ring, first.state.value.ring);
  back = true;
  t.true(await service.rotate(signal));
  t.false(await service.rotate(signal));
  t.deepEqual(statesOf(service.state.value), ['PREPARED', 'ACTIVE']);
  clock.jump(7 * DAY);
  t.true(await service.rotate(signal));
  t.not(activeId(service.state.value), oldId);
  clock.jump(7 * DAY + 300_000);
  t.true(await service.rotate(signal));
  t.deepEqual(statesOf(service.state.value), ['ACTIVE']);
  const failed = Array<string>(3).fill('Prepared Failed');
  t.deepEqual(
    events.map(({ operation, outcome }) => `${operation} ${outcome}`),
    [...failed, 'Prepared Done', 'Activated Done', 'Retired Done'],
  );
  t.true(events.every(({ operator: who }) => who.name === 'schedule'));
});

test('a start waits for a key service that is away, bounded; a refusal ends it at once', async (t) => {
  const { files, clock } = await openDeployment();
  let answer: () => Promise<never[]> = () => Promise.reject(away());
  const keyManager: KeyManager = {
    custody: 'sealed',
    createKey: () => Promise.reject(away()),
    listKeys: () => answer(),
  };
  const started = openDeployment({ files, clock, parts: { keyManagers: onlyKeyManager(keyManager) } });
  const late = t.throwsAsync(started, { code: 'KEY_SERVICE_UNAVAILABLE', message: /; waited 2m0s for it$/ });
  for (let second = 0; second < 121; second++) await clock.advance(1000);
  await late;
  answer = () => Promise.reject(new SpirlError('INVALID_CONFIG', 'no permission'));
  await t.throwsAsync(openDeployment({ files, clock, parts: { keyManagers: onlyKeyManager(keyManager) } }), {
    code: 'INVALID_CONFIG',
  });
});

test('with another KEK the start is refused, both are named, nothing is overwritten', async (t) => {
  const { files } = await openDeployment();
  const before = new Map(files.names);
  await t.throwsAsync(openDeployment({ files, kek: 'kek-2' }), { code: 'INVALID_CONFIG', message: /kek-1.*kek-2/ });
  t.deepEqual(files.names, before);
});

test('after a restore from a copy the raised epoch makes the old ring newer than all that agents have', async (t) => {
  const { files, service } = await openDeployment();
  const copy = files.after('killed');
  await service.prepare(operator, signal);
  const restored = await openDeployment({ files: copy });
  const raised = await raiseEpoch(restored.parts, signal);
  t.true(raised.epoch > service.state.value.ring.epoch);
  t.is((await openDeployment({ files: copy })).service.state.value.ring.epoch, raised.epoch);
});
