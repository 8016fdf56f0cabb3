import test from 'ava';
import { reportOf } from '../../bench/report/fleet-report.js';
import { simulate } from '../../bench/fleet/simulation.js';
import { scenario } from './scenarios.js';

// What can be computed without a simulation, against the simulation. Tolerances are four standard errors of the sample.

const AGENTS = 4_000;
/** The longest wait that is drawn: 29/30 of 60 s. */
const DRAWN_MS = 58_000;

test('a wave without a queue: half, 90 % and 99 % are renewed when delay and gate say so', (t) => {
  const settings = {
    'agents.count': AGENTS,
    'servers.capacity': '1000000/s',
    'network.latency': '0s',
    'network.propagation': '0s',
  };
  const { wave } = reportOf(simulate(scenario(settings), 7));
  // 20 SVIDs go out in four batches, 200 ms apart; the gate opens again 1,002 ms after the first.
  const renewedBy = (ms: number): number =>
    [0, 200, 400, 600].reduce((sum, after) => sum + clamp((ms - after) / DRAWN_MS) / 4, 0);
  for (const [share, got] of [
    [0.5, wave?.t50Ms],
    [0.9, wave?.t90Ms],
    [0.99, wave?.t99Ms],
  ] as const) {
    const want = bisect((ms) => renewedBy(ms) - share, 0, 70_000);
    const standardError = (DRAWN_MS * Math.sqrt(share * (1 - share))) / Math.sqrt(AGENTS);
    t.true(Math.abs((got ?? NaN) - want) < 4 * standardError, `${share}: ${got} instead of ${want} ± ${standardError}`);
  }
  t.true((wave?.t100Ms ?? NaN) <= DRAWN_MS + 600 + 1);
});

test('an agent with 100 SVIDs needs its delay and the time of its gate', (t) => {
  const settings = {
    'agents.count': 1,
    'agents.svids': '100',
    'network.latency': '0s',
    'network.propagation': '0s',
    'agents.taintDelay': '0s',
    'svids.x509TTL': '168h',
    'servers.capacity': '1000000/s',
  };
  const { wave } = reportOf(simulate(scenario(settings), 3));
  // Four batches of five per 1,002 ms: the twentieth batch goes out 4 × 1,002 + 3 × 200 ms after the first.
  t.true(Math.abs((wave?.t100Ms ?? NaN) - (4 * 1002 + 600)) < 2, `${wave?.t100Ms}`);
});

for (const { workers, load } of [
  { workers: 1, load: 0.5 },
  { workers: 1, load: 0.8 },
  { workers: 2, load: 0.8 },
  { workers: 4, load: 0.9 },
]) {
  test(`a queue of ${workers} worker(s) at load ${load} waits as long as an M/D/${workers} queue`, (t) => {
    const capacity = 100;
    const settings = {
      ...{
        'agents.count': 1,
        'agents.svids': '1',
        'svids.x509TTL': '2160h',
        'network.latency': '0s',
        'rotation.enabled': false,
      },
      ...{
        'servers.capacity': `${capacity}/s`,
        'servers.workers': workers,
        'workloads.new': `${capacity * load}/s`,
        horizon: '2h',
      },
    };
    const outcome = simulate(scenario(settings), 11);
    const { waiting } = outcome.recorder;
    const seconds = Math.floor(outcome.endedAt / 1000) - 1;
    const sampled = waiting.subarray(60, seconds).reduce((sum, value) => sum + value, 0) / (seconds - 60);
    const want = meanInSystem(workers, (load * capacity * workers) / capacity);
    t.true(Math.abs(sampled - want) / want < 0.06, `${sampled} instead of ${want} in the system`);
  });
}

/** Mean number in an M/D/c system with service time 1: the stationary law of the number seen one service time later. */
function meanInSystem(workers: number, arrivalsPerService: number): number {
  const states = 400;
  const poisson: number[] = [Math.exp(-arrivalsPerService)];
  for (let k = 1; k < states; k++) poisson.push(((poisson[k - 1] ?? 0) * arrivalsPerService) / k);
  let law: number[] = Array.from({ length: states }, (_, n) => (n === 0 ? 1 : 0));
  for (let round = 0; round < 600; round++) {
    const left: number[] = new Array<number>(states).fill(0);
    law.forEach((p, n) => (left[Math.max(0, n - workers)] = (left[Math.max(0, n - workers)] ?? 0) + p));
    const next: number[] = new Array<number>(states).fill(0);
    left.forEach((p, n) => {
      if (p < 1e-12) return;
      for (let k = 0; n + k < states && k < 40; k++) next[n + k] = (next[n + k] ?? 0) + p * (poisson[k] ?? 0);
    });
    law = next;
  }
  return law.reduce((sum, p, n) => sum + p * n, 0);
}

function clamp(value: number): number {
  return Math.max(0, Math.min(1, value));
}

function bisect(f: (x: number) => number, low: number, high: number): number {
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (f(middle) < 0) low = middle;
    else high = middle;
  }
  return low;
}
