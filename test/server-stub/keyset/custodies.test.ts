import test from 'ava';
import { SpirlError } from '../../../src/runtime/errors.js';
import { FakeClock } from '../../fakes/fake-clock.js';
import { MemoryFileSystem, type CrashMode } from '../../fakes/memory-file-system.js';
import { activeId, operator, signal, statesOf, type Deployment } from './deployment.js';
import { DAY } from './rings.js';
import { outside, Services } from './services.js';

const MINUTE = 60_000;
const away = () => new SpirlError('KEY_SERVICE_UNAVAILABLE', 'away');

const notes = async ({ store }: Deployment): Promise<string[]> => [...(await store.list('loose-keys/'))];

test('a ring spans custodies: each keyset stays where it was made, also after restarts', async (t) => {
  const services = new Services();
  services.next = 'sealed';
  const first = await services.open();
  const { files, clock } = first;
  services.next = 'europe';
  const { keysetId } = await first.service.prepare(operator, signal);
  await first.service.activate(keysetId, operator, signal);
  services.next = 'america';
  await first.service.prepare(operator, signal);
  const again = await services.open({ files, clock });
  const { ring, keys } = again.service.state.value;
  t.deepEqual(
    ring.keysets.map(({ custody, custodySettings }) => [custody, custodySettings?.['region']]),
    [
      ['awsKMS', 'america'],
      ['awsKMS', 'europe'],
      ['sealed', undefined],
    ],
  );
  t.true(ring.keysets.every(({ keyReference, custody }) => (keyReference !== undefined) === (custody === 'awsKMS')));
  for (const { id } of ring.keysets) t.truthy(await keys.get(id)?.x509.sign(Buffer.from('x'), signal));
  t.deepEqual(await notes(again), []);
});

test('a restart makes no key; an empty ring makes one', async (t) => {
  const services = new Services();
  const { files, clock } = await services.open();
  t.is(services.kms.europe.keys.size, 1);
  services.kms.europe.calls.length = 0;
  await services.open({ files, clock });
  await services.open({ files, clock });
  t.false(services.kms.europe.calls.includes('createKey'));
});

test('remove and retire release the key where it was made', async (t) => {
  const services = new Services();
  const d = await services.open();
  const old = activeId(d.service.state.value);
  services.next = 'america';
  const { keysetId } = await d.service.prepare(operator, signal);
  await d.service.activate(keysetId, operator, signal);
  await d.service.taint(old, operator, signal);
  await d.service.remove(old, operator, signal);
  t.deepEqual(services.kms.europe.living(), []);
  t.deepEqual(services.kms.america.living(), [keysetId]);
  services.next = 'sealed';
  const third = await d.service.prepare(operator, signal);
  await d.service.activate(third.keysetId, operator, signal);
  d.clock.jump(8 * DAY);
  await d.service.rotate(signal);
  t.deepEqual(services.living(), []);
  t.deepEqual(await notes(d), []);
});

test('a key whose service was away at its release is released later, whatever the section says by then', async (t) => {
  const services = new Services();
  const d = await services.open();
  const old = activeId(d.service.state.value);
  services.next = 'sealed';
  const { keysetId } = await d.service.prepare(operator, signal);
  await d.service.activate(keysetId, operator, signal);
  await d.service.taint(old, operator, signal);
  services.kms.europe.fault = () => {
    throw away();
  };
  await d.service.remove(old, operator, signal);
  t.deepEqual(await notes(d), [`loose-keys/${old}`]);
  const stop = new AbortController();
  const running = d.service.run(stop.signal).catch(() => {});
  await d.clock.advance(6 * MINUTE);
  t.deepEqual(services.living(), [old]);
  services.kms.europe.fault = () => {};
  await d.clock.advance(6 * MINUTE);
  t.deepEqual(services.living(), []);
  t.deepEqual(await notes(d), []);
  stop.abort();
  await running;
});

test('a key that nobody could see when its maker failed is released once the service lists it', async (t) => {
  const services = new Services();
  const d = await services.open();
  services.kms.europe.lost = (call) => {
    if (call !== 'createKey') return;
    for (const arn of services.kms.europe.keys.keys()) services.kms.europe.unlisted.add(arn);
    throw away();
  };
  await t.throwsAsync(d.service.prepare(operator, signal), { code: 'KEY_SERVICE_UNAVAILABLE' });
  services.kms.europe.lost = () => {};
  const wanted = [activeId(d.service.state.value)];
  t.is(services.living().length, 2);
  const restarted = await services.open({ files: d.files, clock: d.clock });
  t.is(services.living().length, 2);
  services.kms.europe.unlisted.clear();
  const stop = new AbortController();
  const running = restarted.service.run(stop.signal).catch(() => {});
  await d.clock.advance(6 * MINUTE);
  t.deepEqual(services.living(), wanted);
  await d.clock.advance(40 * MINUTE);
  t.deepEqual(await notes(restarted), []);
  stop.abort();
  await running;
});

test('a start without the service of a demoted keyset succeeds; its key is looked for when it is to sign', async (t) => {
  const services = new Services();
  const first = await services.open();
  const old = activeId(first.service.state.value);
  services.next = 'sealed';
  const { keysetId } = await first.service.prepare(operator, signal);
  await first.service.activate(keysetId, operator, signal);
  services.kms.europe.fault = () => {
    throw away();
  };
  const { files, clock } = first;
  const again = await services.open({ files, clock });
  const key = again.service.state.value.keys.get(old)?.x509;
  await t.throwsAsync(() => key?.sign(Buffer.from('x'), signal) ?? Promise.resolve(), {
    code: 'KEY_SERVICE_UNAVAILABLE',
  });
  services.kms.europe.fault = () => {};
  t.is((await key?.sign(Buffer.from('x'), signal))?.length, 64);
});

test('a start whose active key is gone says which key, where', async (t) => {
  const services = new Services();
  const { files, clock } = await services.open();
  for (const key of services.kms.europe.keys.values()) key.state = 'pending deletion';
  await t.throwsAsync(services.open({ files, clock }), {
    code: 'KEY_SERVICE_REFUSED',
    message: /awsKMS.*no key for key set ks_.*arn:aws:kms/,
  });
});

test('keys with our tags that no note explains are left alone: another server may sign with them', async (t) => {
  const services = new Services();
  const { files, clock, service } = await services.open();
  const copy = files.after('killed');
  const { keysetId } = await service.prepare(operator, signal);
  const { logger } = await services.open({ files: copy, clock });
  t.true(services.living().includes(keysetId));
  t.true(logger.lines.some(({ message, fields }) => /left alone/.test(message) && fields['keysetId'] === keysetId));
});

test('a key manager that is configured and cannot be used is told of before a rotation needs it', async (t) => {
  const services = new Services();
  services.next = 'sealed';
  const { service, logger, clock } = await services.open();
  services.next = 'america';
  services.kms.america.fault = () => {
    throw new SpirlError('KEY_SERVICE_REFUSED', 'denied');
  };
  const stop = new AbortController();
  const running = service.run(stop.signal).catch(() => {});
  await clock.advance(1000);
  t.true(logger.lines.some(({ message }) => /configured key manager cannot be used/.test(message)));
  stop.abort();
  await running;
});

const MODES: readonly CrashMode[] = ['before', 'after', 'torn'];
type Act = (d: Deployment) => Promise<unknown>;
const scenes: { name: string; before: Act; act: Act }[] = [
  { name: 'prepare', before: () => Promise.resolve(), act: (d) => d.service.prepare(operator, signal) },
  {
    name: 'remove',
    before: async (d) => {
      const old = activeId(d.service.state.value);
      const { keysetId } = await d.service.prepare(operator, signal);
      await d.service.activate(keysetId, operator, signal);
      await d.service.taint(old, operator, signal);
    },
    act: (d) => d.service.remove(d.service.state.value.ring.keysets.at(-1)?.id ?? '', operator, signal),
  },
];

/** After a crash and a restart every key outside belongs to a keyset, and each keyset has its key. */
async function requireNoOrphans(services: Services, disk: MemoryFileSystem, clock: FakeClock, place: string) {
  const next = await services.open({ files: disk, clock });
  const [keys, keysets] = [services.living(), outside(next)];
  if (JSON.stringify(keys) !== JSON.stringify(keysets)) {
    throw new Error(`${place}: keys ${keys.join()} for keysets ${keysets.join()}`);
  }
  for (const { id } of next.service.state.value.ring.keysets) {
    await next.service.state.value.keys.get(id)?.x509.sign(Buffer.from('x'), signal);
  }
}

for (const { name, before, act } of scenes) {
  test(`${name}: whichever write the process dies at, no key is left over`, async (t) => {
    let points = 0;
    for (const mode of MODES) {
      for (let at = 1, alive = false; !alive; at++) {
        const services = new Services();
        const victim = await services.open();
        await before(victim);
        const { files, clock } = victim;
        const start = files.steps;
        files.crash = { at: start + at, mode };
        services.dieWith(files);
        alive = await act(victim).then(
          () => files.steps < start + at,
          () => false,
        );
        services.survive();
        if (mode === 'torn' && files.diedIn !== '' && files.diedIn !== 'createFile') continue;
        await requireNoOrphans(services, files.after('killed'), clock, `${name}, ${mode} step ${at}`);
        points++;
      }
    }
    t.log(`${points} deaths`);
    t.true(points > 10);
  });

  test(`${name}: whichever call to the service the process dies at, no key is left over`, async (t) => {
    let points = 0;
    for (const hook of ['fault', 'lost'] as const) {
      for (let at = 1, alive = false; !alive; at++) {
        const services = new Services();
        const victim = await services.open();
        await before(victim);
        const { files, clock } = victim;
        let left = at;
        let disk: MemoryFileSystem | undefined;
        const kms = services.kms.europe;
        // The disk as it was when the process died, before or after the service did what it was asked.
        const die = (): void => {
          if (disk === undefined && --left > 0) return;
          disk ??= files.after('killed');
          throw new Error('died');
        };
        kms[hook] = die;
        await act(victim).catch(() => {});
        kms[hook] = () => {};
        alive = disk === undefined;
        await requireNoOrphans(services, disk ?? files.after('killed'), clock, `${name}, ${hook} ${at}`);
        points++;
      }
    }
    t.log(`${points} deaths`);
    t.true(points >= 4);
  });
}

test('first start: whichever write the process dies at, the next start leaves one key and one keyset', async (t) => {
  let points = 0;
  for (const mode of MODES) {
    for (let at = 1, alive = false; !alive; at++) {
      const services = new Services();
      const files = new MemoryFileSystem();
      files.crash = { at, mode };
      services.dieWith(files);
      alive = await services.open({ files }).then(
        () => files.steps < at,
        () => false,
      );
      services.survive();
      if (mode === 'torn' && files.diedIn !== '' && files.diedIn !== 'createFile') continue;
      const next = await services.open({ files: files.after('killed') });
      t.deepEqual(statesOf(next.service.state.value), ['ACTIVE'], `${mode} step ${at}`);
      t.deepEqual(services.living(), outside(next), `${mode} step ${at}`);
      points++;
    }
  }
  t.log(`${points} deaths`);
});
