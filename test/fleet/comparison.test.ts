import test from 'ava';
import { parseScenario } from '../../bench/fleet/scenario.js';
import { simulate } from '../../bench/fleet/simulation.js';
import { compare, isWithinBounds } from '../../bench/report/fleet-comparison.js';
import { comparisonText } from '../../bench/report/fleet-comparison-text.js';
import { traceCurves, traceFigures } from '../../bench/report/fleet-trace-figures.js';
import { simulatedTrace, type FleetTrace } from '../../bench/report/fleet-trace.js';

const QUIET = `
name: forty agents
agents: { count: 40, svids: '10', start: together, taintDelay: 10s }
network: { latency: 1ms, propagation: 5ms }
servers: { replicas: 1, capacity: 4000/s }
upstream: { latency: 0s }
horizon: 2m
`;

function renewal(sentAt: number, endedAt: number, items: number, issued = items): FleetTrace['messages'][number] {
  return { renewal: true, items, issued, sentAt, endedAt };
}

const TRACE: FleetTrace = {
  onOld: 10,
  replaced: [1_000, 1_000, 1_000, 1_000, 1_000, 2_500, 2_500, 2_500, 2_500, 9_000],
  messages: [renewal(900, 1_000, 5), renewal(500, 2_500, 4), renewal(8_000, 8_500, 1, 0), renewal(8_990, 9_000, 1)],
  lastedMs: 12_000,
};

test('figures of a trace are what can be counted by hand', (t) => {
  t.deepEqual(traceFigures(TRACE), {
    ...{ t50Ms: 1_000, t90Ms: 2_500, t99Ms: 9_000, t100Ms: 9_000 },
    ...{ peakMints5s: 9, longestQueue: 9 },
    ...{ renewalMeanMs: 851, renewalP50Ms: 100, renewalP99Ms: 2_000 },
  });
});

test('what was not reached is not made up', (t) => {
  const { t50Ms, t90Ms, t99Ms, t100Ms } = traceFigures({ ...TRACE, replaced: TRACE.replaced.slice(0, 6) });
  t.deepEqual([t50Ms, t90Ms, t99Ms, t100Ms], [1_000, undefined, undefined, undefined]);
});

test('curves have one value per second: levels at its end, answers within it', (t) => {
  const { onOld, mintsPerSecond, queue, latencyMs } = traceCurves(TRACE, 4);
  t.deepEqual(onOld, [5, 5, 1, 1]);
  t.deepEqual(mintsPerSecond, [0, 5, 4, 0]);
  t.deepEqual(queue, [4, 4, 0, 0]);
  t.deepEqual(latencyMs, [null, 100, 2_000, null]);
});

test('the trace of a simulation agrees with its report', (t) => {
  const scenario = parseScenario(QUIET, 'forty');
  const trace = simulatedTrace(scenario, 3);
  const { recorder, rotation } = simulate(scenario, 3);
  const taintedAt = rotation.committedAt('taint') ?? NaN;
  t.is(trace?.onOld, 400);
  t.is(trace?.replaced.length, 400);
  const { t50Ms, t100Ms } = traceFigures(trace ?? TRACE);
  t.deepEqual([t50Ms, t100Ms], [(recorder.moments[0] ?? 0) - taintedAt, (recorder.moments[3] ?? 0) - taintedAt]);
});

test('a fleet compared with itself has no error; one that is slower has, and it is told', (t) => {
  const scenario = parseScenario(QUIET, 'forty');
  const trace = simulatedTrace(scenario, 3) ?? TRACE;
  const facts = { seed: 3, capacity: 4_000 };
  const same = compare(scenario, facts, trace, trace);
  t.is(same.regime, 'free');
  t.true(isWithinBounds(same));
  t.true(same.figures.every(({ error }) => error === 0));
  const slower = { ...trace, replaced: trace.replaced.map((at) => at * 1.2) };
  const late = compare(scenario, facts, trace, slower);
  t.false(isWithinBounds(late));
  t.regex(comparisonText(late), /half renewed .* -16\.7 % +at most 5 %, MISSED/);
});

test('servers that are asked for twice what they issue are held to ten percent, queue and latency included', (t) => {
  const scenario = parseScenario(QUIET, 'forty');
  const trace = simulatedTrace(scenario, 3) ?? TRACE;
  const { regime, figures, curves, load } = compare(scenario, { seed: 3, capacity: 15 }, trace, trace);
  t.true(load > 2);
  t.is(regime, 'bound');
  const bounded = [...figures, ...curves].filter(({ bound }) => bound === 0.1).length;
  t.is(bounded, 10);
});

test('a simulated fleet that begins cold and is rotated then ends when all is done, as a real one does', (t) => {
  const scenario = parseScenario(QUIET.replace('start: together', 'start: cold'), 'cold');
  t.true(simulate(scenario, 3).finished);
});
