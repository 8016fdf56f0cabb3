import test from 'ava';
import { planRenewals, type Candidate, type Instant } from '../../src/svid/renewal-plan.js';
import { RenewalQueue } from '../../src/svid/renewal-queue.js';
import { seeded } from './stage.js';

interface Named extends Candidate {
  readonly name: number;
}

const START: Instant = { wall: 1_000_000, monotonic: 5_000 };
const HORIZON_MS = 10_000;

/** Around the start: some due, some soon, some beyond the horizon; no two with the same expiry, so that the order is one. */
function candidateOf(name: number, random: () => number): Named {
  const around = (at: number): number => at + Math.floor((random() - 0.4) * 3 * HORIZON_MS);
  return {
    name,
    dueAt: around(START.wall),
    forcedAt: random() < 0.3 ? around(START.monotonic) : random() < 0.1 ? -Infinity : undefined,
    retryAt: random() < 0.2 ? around(START.monotonic) : -Infinity,
    attempts: Math.floor(random() ** 3 * 3),
    notAfter: START.wall + Math.floor(random() * 1e6) * 1_000 + name,
  };
}

test('between two looks the queue tells what looking at all would tell', (t) => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = seeded(seed);
    let all = Array.from({ length: 60 }, (_, name) => candidateOf(name, random));
    const queue = new RenewalQueue<Named>();
    queue.fill(all, START, HORIZON_MS);
    for (let passed = 0; passed < HORIZON_MS; passed += Math.floor(random() * 1_500)) {
      const now = { wall: START.wall + passed, monotonic: START.monotonic + passed };
      const plan = planRenewals(all, now);
      t.is(queue.dueAt(now.monotonic), plan.due.length);
      const inMs = queue.nextInMs(now.monotonic);
      if (passed + plan.nextInMs <= HORIZON_MS) t.is(inMs, plan.nextInMs);
      else t.true(passed + inMs > HORIZON_MS);
      const taken = queue.take(Math.floor(random() * 6), () => true);
      t.deepEqual(taken, plan.due.slice(0, taken.length));
      all = all.filter((one) => !taken.includes(one));
      const failed = taken.map((one) => ({ ...one, attempts: one.attempts + 1, retryAt: now.monotonic + 700 }));
      for (const one of failed) queue.add(one, now);
      all.push(...failed);
    }
  }
});

test('what is not wanted any more is passed over, and takes nobody place', (t) => {
  const queue = new RenewalQueue<Named>();
  const due = Array.from({ length: 10 }, (_, name) => ({
    ...{ name, dueAt: 0, forcedAt: undefined, retryAt: -Infinity, attempts: 0, notAfter: name },
  }));
  queue.fill(due, START, HORIZON_MS);
  const odd = queue.take(3, ({ name }) => name % 2 === 1);
  t.deepEqual(
    odd.map(({ name }) => name),
    [1, 3, 5],
  );
  t.is(queue.dueAt(START.monotonic), 4);
  t.is(queue.take(10, () => true).length, 4);
});
