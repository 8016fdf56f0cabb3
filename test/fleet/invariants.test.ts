import test from 'ava';
import fc from 'fast-check';
import { IN_FLIGHT, OLD, TOO_OLD } from '../../bench/fleet/fleet-state.js';
import { simulate } from '../../bench/fleet/simulation.js';
import { scenario } from './scenarios.js';

// Whatever happens to servers, network, key manager and agents, these hold.

const failure = fc.oneof(
  fc.record({
    what: fc.constant('replicas lost'),
    at: seconds(60),
    for: seconds(60),
    count: fc.integer({ min: 1, max: 2 }),
  }),
  fc.record({
    what: fc.constant('zone cut off'),
    at: seconds(60),
    for: seconds(90),
    zone: fc.integer({ min: 1, max: 2 }),
  }),
  fc.record({ what: fc.constant('agents restarted'), at: seconds(60), over: seconds(30), share: fc.constant('30%') }),
  fc.record({
    what: fc.constant('key manager throttled'),
    at: seconds(60),
    for: seconds(60),
    quota: fc.constant('20/s'),
  }),
  fc.record({ what: fc.constant('key manager away'), at: seconds(60), for: seconds(60) }),
);

function seconds(most: number): fc.Arbitrary<string> {
  return fc.integer({ min: 1, max: most }).map((value) => `${value}s`);
}

const settings = fc.record({
  'agents.count': fc.integer({ min: 1, max: 30 }),
  'agents.svids': fc.constantFrom('1', '20', 'uniform 1..90', 'lognormal 10 p99 150'),
  'agents.tooOld': fc.constantFrom('0%', '20%'),
  'agents.away': fc.constantFrom('0%', '20%'),
  'agents.taintDelay': fc.constantFrom('0s', '10s', '60s'),
  'network.zones': fc.constant(2),
  'servers.replicas': fc.constant(2),
  'servers.capacity': fc.constantFrom('10/s', '100/s', '4000/s'),
  'servers.waiting': fc.constantFrom(20, 20_000),
  'keyManager.kind': fc.constant('remote'),
  'keyManager.quota': fc.constantFrom('50/s', '1000/s', 'none'),
  'rotation.removeAfter': fc.constantFrom('30s', '3m'),
  failures: fc.array(failure, { maxLength: 3 }),
});

interface Start {
  readonly agent: number;
  readonly at: number;
}

test('no agent starts more than 20 renewals in any second', (t) => {
  const check = fc.property(settings, fc.integer({ min: 0, max: 1000 }), (given, seed) => {
    const starts: Start[] = [];
    const plan = scenario(given);
    simulate(plan, seed, { started: (_svid, agent, at) => starts.push({ agent, at }) });
    const perAgent = new Map<number, number[]>();
    for (const { agent, at } of starts) perAgent.set(agent, [...(perAgent.get(agent) ?? []), at]);
    for (const moments of perAgent.values()) {
      for (let i = 20; i < moments.length; i++) {
        if ((moments[i] ?? 0) - (moments[i - 20] ?? 0) < 1000) return false;
      }
    }
    return true;
  });
  fc.assert(check, { numRuns: 40, seed: 20261121 });
  t.pass();
});

test('a renewal because of a taint starts at its moment or later', (t) => {
  let early = 0;
  const forced: number[] = [];
  // No ordinary renewal falls due in this time, so every start has the taint as its reason.
  const calm = { 'agents.start': 'together', 'svids.x509TTL': '24h', 'agents.count': 50 };
  simulate(scenario(calm), 5, {
    started: (_svid, _agent, at, forcedAt) => {
      forced.push(forcedAt);
      if (at < forcedAt) early++;
    },
  });
  t.is(early, 0);
  t.is(forced.length, 50 * 20);
  t.true(forced.every(Number.isFinite));
});

test('whatever fails, no renewal because of a taint starts before its agent’s moment', (t) => {
  let starts = 0;
  const check = fc.property(settings, fc.integer({ min: 0, max: 1000 }), (given, seed) => {
    let early = 0;
    // No ordinary renewal falls due in this time, so every start has the taint, or the removal, as its reason.
    const calm = { ...given, 'agents.start': 'together', 'svids.x509TTL': '24h' };
    simulate(scenario(calm), seed, {
      started: (_svid, _agent, at, forcedAt) => {
        starts++;
        if (at < forcedAt) early++;
      },
    });
    return early === 0;
  });
  fc.assert(check, { numRuns: 30, seed: 20261121 });
  t.true(starts > 1_000);
});

test('no SVID is lost: each one ends up on the new keyset once, or is still held, under way or waited for', (t) => {
  const check = fc.property(settings, fc.integer({ min: 0, max: 1000 }), (given, seed) => {
    const outcome = simulate(scenario({ ...given, horizon: '30m' }), seed);
    const { fleet, recorder } = outcome;
    let old = 0;
    for (let agent = 0; agent < fleet.agents; agent++) {
      const tooOld = ((fleet.agentFlags[agent] ?? 0) & TOO_OLD) !== 0;
      for (let svid = fleet.first[agent] ?? 0; svid < (fleet.first[agent + 1] ?? 0); svid++) {
        if (fleet.keyset[svid] !== OLD) continue;
        old++;
        // Done means that only agents which know no taint hold what the old keyset signed.
        if (outcome.finished && !tooOld) return false;
        // What is not under way will be looked at again, unless that is beyond the horizon.
        const looksAt = fleet.wakeAt[agent] ?? Infinity;
        if (((fleet.flags[svid] ?? 0) & IN_FLIGHT) === 0 && looksAt === Infinity && fleet.calls[agent] === 0)
          return false;
      }
    }
    return old === recorder.oldNow;
  });
  fc.assert(check, { numRuns: 40, seed: 20261121 });
  t.pass();
});

test('a fleet with servers that are strong enough has no gap', (t) => {
  const outcome = simulate(scenario({ 'rotation.removeAfter': '2m' }), 1);
  t.true(outcome.finished);
  t.deepEqual([...outcome.recorder.causes], []);
  t.is(outcome.recorder.oldNow, 0);
});

test('the same seed gives the same result, another one another', (t) => {
  const run = (seed: number): unknown => {
    const { recorder, endedAt, events } = simulate(scenario({ 'agents.svids': 'uniform 1..40' }), seed);
    return { moments: recorder.moments, minted: [...recorder.minted.wave], endedAt, events };
  };
  t.deepEqual(run(1), run(1));
  t.notDeepEqual(run(1), run(2));
});
