import test from 'ava';
import { reportOf } from '../../bench/report/fleet-report.js';
import { parseScenario } from '../../bench/fleet/scenario.js';
import { simulate } from '../../bench/fleet/simulation.js';

const SVIDS = 20;

function waveOf(agents: number) {
  const settings = {
    ...{ 'agents.count': agents, 'agents.svids': String(SVIDS), 'servers.replicas': Math.ceil(agents / 10_000) },
    ...{ 'svids.x509TTL': '24h' },
  };
  const outcome = simulate(parseScenario('name: size', 'size', settings), 1);
  return { outcome, report: reportOf(outcome) };
}

test('a taint of 100,000 agents with 20 SVIDs each is simulated to its end; its cost grows with the fleet, not faster', (t) => {
  const before = process.memoryUsage().rss;
  const { outcome, report } = waveOf(100_000);
  t.true(outcome.finished);
  t.is(report.fleet.svids, 2_000_000);
  t.is(report.wave?.remaining, 0);
  t.true((report.wave?.t100Ms ?? Infinity) < 61_000);
  t.deepEqual(report.gaps, []);
  // 2 GiB for ten times as many.
  t.true(process.memoryUsage().rss - before < 500 * 2 ** 20);
  const small = waveOf(10_000).outcome;
  const perAgent = (events: number, agents: number): number => events / agents;
  t.true(perAgent(outcome.events, 100_000) < 1.1 * perAgent(small.events, 10_000));
  t.log(`${outcome.events} events`);
});
