import test from 'ava';
import { CalendarQueue } from '../../bench/fleet/calendar-queue.js';
import { meanOf, parseDistribution, sampler } from '../../bench/fleet/distribution.js';
import { LatencyHistogram } from '../../bench/fleet/latency-histogram.js';
import { agentDraw, Random } from '../../bench/fleet/random.js';
import { renewalFraction } from '../../src/svid/renewal-schedule.js';

/** Largest distance between the share of `values` below x and x itself, for values from 0 to 1. */
function distanceFromUniform(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return Math.max(
    ...sorted.map((value, i) =>
      Math.max(Math.abs(value - i / sorted.length), Math.abs(value - (i + 1) / sorted.length)),
    ),
  );
}

const N = 20_000;
/** One in a thousand uniform samples is farther away (Kolmogorov and Smirnov). */
const LIMIT = 1.95 / Math.sqrt(N);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

test('numbers, agents’ draws and the agents’ own renewal fractions are all uniform, so one may stand for another', (t) => {
  const random = new Random(1);
  t.true(distanceFromUniform(upTo(N).map(() => random.next())) < LIMIT);
  t.true(distanceFromUniform(upTo(N).map((agent) => agentDraw(7, agent))) < LIMIT);
  t.true(distanceFromUniform(upTo(N).map((i) => renewalFraction('a-1', 'spiffe://x/y', String(i)))) < LIMIT);
});

test('an agent’s draw depends on the seed and its index alone', (t) => {
  t.is(agentDraw(3, 17), agentDraw(3, 17));
  t.not(agentDraw(3, 17), agentDraw(4, 17));
  t.not(agentDraw(3, 17), agentDraw(3, 18));
});

for (const text of ['40', 'uniform 10..70', 'exponential 40', 'lognormal 30 p99 200']) {
  test(`drawn from "${text}", the mean is the mean`, (t) => {
    const distribution = parseDistribution(text, Number);
    if (distribution === undefined) return t.fail();
    const draw = sampler(distribution, new Random(5));
    const mean = upTo(50_000).reduce((sum) => sum + draw(), 0) / 50_000;
    t.true(Math.abs(mean / meanOf(distribution) - 1) < 0.03, `${mean} instead of ${meanOf(distribution)}`);
  });
}

for (const text of [
  '',
  'uniform 1',
  'uniform 5..1',
  'normal 3',
  'lognormal 20',
  'lognormal 20 p99 10',
  'exponential',
  '1 2',
]) {
  test(`no distribution: "${text}"`, (t) => {
    t.is(
      parseDistribution(text, (part) => (part === '' || Number.isNaN(Number(part)) ? undefined : Number(part))),
      undefined,
    );
  });
}

test('events come in the order of their time, then of their scheduling, also those scheduled meanwhile', (t) => {
  const queue = new CalendarQueue(10_000, 4);
  const random = new Random(2);
  const expected: [number, number][] = [];
  for (let i = 0; i < 2_000; i++) {
    const at = Math.floor(random.next() * 2_000) / 4;
    queue.schedule(at, 1, i);
    expected.push([at, i]);
  }
  const got: [number, number][] = [];
  const handle = (at: number, _kind: number, value: number): void => {
    got.push([at, value]);
    if (value < 500) {
      queue.schedule(at, 1, value + 10_000);
      expected.push([at, value + 10_000]);
    }
  };
  while (queue.next(handle));
  t.is(queue.size, 0);
  t.deepEqual(
    got.map(([at]) => at),
    expected.map(([at]) => at).sort((a, b) => a - b),
  );
  for (let i = 1; i < got.length; i++) {
    const [before, after] = [got[i - 1], got[i]];
    if (before?.[0] === after?.[0]) t.true((before?.[1] ?? 0) < (after?.[1] ?? 0));
  }
});

test('what lies behind the horizon is not kept', (t) => {
  const queue = new CalendarQueue(1_000);
  queue.schedule(1_001, 0, 0);
  queue.schedule(Infinity, 0, 0);
  t.is(queue.size, 0);
});

test('quantiles of latencies are right within a tenth', (t) => {
  const histogram = new LatencyHistogram(2);
  for (let ms = 1; ms <= 1_000; ms++) histogram.add(ms % 2, ms, 3);
  for (const q of [0.5, 0.9, 0.99]) {
    const got = histogram.quantile(0, 2, q) ?? 0;
    t.true(Math.abs(got / (q * 1000) - 1) < 0.1, `${q}: ${got}`);
  }
  t.is(new LatencyHistogram(1).quantile(0, 1, 0.5), undefined);
});
