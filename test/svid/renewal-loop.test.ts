import test from 'ava';
import { silentLogger } from '../../src/runtime/logger.js';
import { Outage } from '../../src/svid/backoff.js';
import { RenewalGate } from '../../src/svid/renewal-gate.js';
import { RenewalLoop } from '../../src/svid/renewal-loop.js';
import type { Candidate, Instant } from '../../src/svid/renewal-plan.js';
import { FakeClock } from '../fakes/fake-clock.js';

interface Item extends Candidate {
  readonly name: number;
}

/** A loop over `count` items that are all due; those for which `fails` holds fail at their first attempt. */
function stage(count: number, fails: (name: number) => boolean = () => false) {
  const clock = new FakeClock();
  const end = clock.now() + 3_600_000;
  const times = { dueAt: 0, forcedAt: undefined, retryAt: -Infinity, attempts: 0, notAfter: end };
  const items = new Map(Array.from({ length: count }, (_, name) => [name, { name, ...times }]));
  const sent: { readonly at: number; readonly names: readonly number[] }[] = [];
  let looks = 0;
  const work = {
    look: ({ wall }: Instant) => {
      looks++;
      return { candidates: [...items.values()], nextInMs: end - wall };
    },
    isWanted: ({ name }: Item) => items.has(name),
    renew: (due: readonly Item[]) => {
      sent.push({ at: clock.monotonic(), names: due.map(({ name }) => name) });
      const failed = due.filter(({ name, attempts }) => fails(name) && attempts === 0);
      for (const item of due) if (!failed.includes(item)) items.delete(item.name);
      return Promise.resolve(failed.map((one) => ({ ...one, attempts: 1, retryAt: clock.monotonic() + 3_000 })));
    },
  };
  const parts = { gate: new RenewalGate(), outage: new Outage(() => 0), clock, log: silentLogger, sent: 'sent' };
  const loop = new RenewalLoop<Item>(work, parts);
  const stop = new AbortController();
  const running = loop.run(stop.signal);
  const finish = async (): Promise<void> => {
    stop.abort();
    await running;
  };
  return { clock, items, sent, loop, looks: () => looks, finish };
}

test('a wave is not looked through for each of its batches', async (t) => {
  const { clock, items, sent, looks, finish } = stage(1_000);
  await clock.advance(51_000);
  t.is(items.size, 0);
  t.true(sent.length >= 200);
  t.true(looks() <= 6, `${looks()} looks`);
  await finish();
});

test('what fails is asked for again when its time has come, without another look', async (t) => {
  const { clock, items, sent, looks, finish } = stage(10, (name) => name < 3);
  await clock.advance(2_900);
  t.deepEqual([...items.keys()], [0, 1, 2]);
  await clock.advance(400);
  t.is(items.size, 0);
  t.deepEqual(
    sent.map(({ names }) => names.length),
    [5, 5, 3],
  );
  t.is(looks(), 1);
  await finish();
});

test('what comes between two looks is renewed in time, and what is gone is not', async (t) => {
  const { clock, items, sent, loop, looks, finish } = stage(0);
  await clock.advance(1_000);
  const now = clock.now();
  for (const name of [1, 2]) {
    const item = {
      ...{ name, dueAt: now + 2_000, forcedAt: undefined, retryAt: -Infinity, attempts: 0 },
      notAfter: now + 9e6,
    };
    items.set(name, item);
    loop.add(item);
  }
  await clock.advance(1_900);
  t.is(sent.length, 0);
  items.delete(2);
  await clock.advance(200);
  t.deepEqual(
    sent.map(({ names }) => names),
    [[1]],
  );
  t.is(looks(), 1);
  await finish();
});
