import test from 'ava';
import { RenewalGate } from '../../src/svid/renewal-gate.js';
import { planRenewals } from '../../src/svid/renewal-plan.js';
import { seeded } from './stage.js';

test('never more than 20 in any window of one second, whatever is asked for and whenever', (t) => {
  for (let seed = 1; seed <= 50; seed++) {
    const random = seeded(seed);
    const gate = new RenewalGate();
    const starts: number[] = [];
    for (let now = 0; now < 20_000; now += Math.floor(random() ** 3 * 700)) {
      const count = gate.release(Math.floor(random() * 60), now);
      for (let i = 0; i < count; i++) starts.push(now);
      if (count === 0) now = Math.max(now + 1, gate.opensAt(now));
    }
    for (const [index, at] of starts.entries()) {
      const later = starts[index + 20];
      if (later !== undefined && later - at <= 1000) t.fail(`seed ${seed}: 21 within ${later - at} ms at ${at}`);
    }
  }
  t.pass();
});

test('asked whenever it opens, it lets 400 through in less than 20 s, in small batches', (t) => {
  const gate = new RenewalGate();
  let now = 0;
  let left = 400;
  while (left > 0) {
    const count = gate.release(left, now);
    t.true(count <= 5);
    left -= count;
    if (left > 0) now = gate.opensAt(now);
  }
  t.true(now < 20_000 - 200, `${now} ms`);
});

test('a raised rate is kept as well: in any second not more, over many seconds not less', (t) => {
  for (const perSecond of [1, 50, 500, 5_000]) {
    const gate = new RenewalGate(perSecond);
    const starts: { readonly at: number; readonly count: number }[] = [];
    for (let now = 0; now < 10_000; now = Math.max(now + 0.1, gate.opensAt(now))) {
      starts.push({ at: now, count: gate.release(100_000, now) });
    }
    const all = starts.reduce((sum, { count }) => sum + count, 0);
    t.true(all > perSecond * 9.9, `${all} in 10 s at ${perSecond}`);
    for (let from = 0, to = 0, sum = 0; to < starts.length; to++) {
      sum += starts[to]?.count ?? 0;
      while ((starts[to]?.at ?? 0) - (starts[from]?.at ?? 0) > 1_000) sum -= starts[from++]?.count ?? 0;
      if (sum > perSecond) t.fail(`${sum} in a second at ${perSecond}`);
    }
  }
  t.pass();
});

test('one renewal now and then does not wait', (t) => {
  const gate = new RenewalGate();
  for (let now = 0; now < 60_000; now += 1_000) t.is(gate.release(1, now), 1);
});

test('due first is what has not failed, then what expires first', (t) => {
  const base = { dueAt: 0, forcedAt: undefined, retryAt: -Infinity, attempts: 0 };
  const items = [
    { ...base, id: 'failed', notAfter: 1, attempts: 1 },
    { ...base, id: 'later', notAfter: 9 },
    { ...base, id: 'sooner', notAfter: 5 },
    { ...base, id: 'not yet', notAfter: 2, dueAt: 130 },
    { ...base, id: 'tainted', notAfter: 3, dueAt: 1_000, forcedAt: 7 },
    { ...base, id: 'taint waits', notAfter: 3, dueAt: 1_000, forcedAt: 20 },
    { ...base, id: 'waits after a failure', notAfter: 1, retryAt: 15 },
  ];
  const plan = planRenewals(items, { wall: 100, monotonic: 10 });
  t.deepEqual(
    plan.due.map(({ id }) => id),
    ['tainted', 'sooner', 'later', 'failed'],
  );
  t.is(plan.nextInMs, 5);
});
