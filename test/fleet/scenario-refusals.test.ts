import test from 'ava';
import { FAILURE_SETTINGS } from '../../bench/fleet/failure-settings.js';
import { parseScenario, SCENARIO_SETTINGS } from '../../bench/fleet/scenario.js';
import { InvalidConfigError, type Problem } from '../../src/runtime/problems.js';
import { settingNames } from '../../src/runtime/settings-table.js';

// Every setting of a scenario has a line here: what it takes at its ends, what it refuses beyond them, and in which words.

interface Refusals {
  /** At both ends of the range. */
  readonly takes: readonly unknown[];
  /** Below and above the range, in a wrong unit, of a wrong type. */
  readonly refuses: readonly unknown[];
  /** Unit and range as the refusal tells them. */
  readonly says: string;
}

const whole = (min: number, max: number): Refusals => ({
  takes: [min, max],
  refuses: [min - 1, max + 1, min + 0.5, `${min}s`, -1, true, [], {}],
  says: `a whole number from ${min} to ${max} is expected`,
});
const time = (min: string, max: string, below: string | undefined, above: string, words: string): Refusals => ({
  takes: [min, max],
  refuses: [...(below === undefined ? [] : [below]), above, 60, '60', '5/s', '-1s', 'soon', true, [], {}],
  says: `a duration from ${words} (such as 90s, 10m, 24h) is expected`,
});
const perSecond = (min: number, max: number, more: readonly unknown[] = []): Refusals => ({
  takes: [`${min}/s`, `${max}/s`, ...more],
  refuses: [
    ...(min > 0 ? [`${min - 1}/s`] : []),
    `${max + 1}/s`,
    1000,
    '1000',
    '10s',
    '10/m',
    '-1/s',
    'fast',
    true,
    [],
    {},
  ],
  says: `a rate per second from ${min}/s to ${max}/s (such as 1000/s)`,
});
const percent: Refusals = {
  takes: ['0%', '100%'],
  refuses: ['-1%', '100.1%', 0.5, '50', '0.5', '5s', 'half', true, [], {}],
  says: 'a percentage from 0% to 100% is expected',
};
const varying = (min: string, max: string, above: string, words: string): Refusals => ({
  takes: [min, max, `uniform ${min}..${max}`, `exponential ${max}`],
  refuses: [
    above,
    `uniform ${min}..${above}`,
    `uniform ${max}..${min}`,
    `exponential ${above}`,
    'lognormal 1s',
    'soon',
    true,
    [],
    {},
  ],
  says: words,
});
const oneOf = (...options: readonly string[]): Refusals => ({
  takes: options,
  refuses: ['other', 1, true, [], {}],
  says: `one of ${options.join(', ')} is expected`,
});
const words: Refusals = {
  takes: ['a few words', 'x'.repeat(4096)],
  refuses: ['x'.repeat(4097), 'two\nlines', 1, true, [], {}],
  says: 'a text of one line and at most 4096 characters is expected',
};
const day = time('0s', '24h', undefined, '24h1s', '0s to 24h0m0s');

const SETTINGS: Readonly<Record<string, Refusals>> = {
  name: words,
  description: words,
  'agents.count': whole(1, 2_000_000),
  'agents.svids': {
    takes: ['1', 10, '10000', 'uniform 1..40', 'lognormal 20 p99 110'],
    refuses: ['0', '10001', 'uniform 0..5', 'uniform 5..1', 'uniform 1..10001', '1.5', '20s', 'many', true, [], {}],
    says: 'whole numbers from 1 to 10000: X, uniform X..Y',
  },
  'agents.tooOld': percent,
  'agents.away': percent,
  'agents.return': varying('0s', '24h', '25h', 'durations from 0s to 24h0m0s: X, uniform X..Y'),
  'agents.rule': oneOf('spirl', 'spire'),
  'agents.taintDelay': time('0s', '1h', undefined, '61m', '0s to 1h0m0s'),
  'agents.renewalsPerSecond': whole(1, 1000),
  'agents.start': oneOf('steady', 'together', 'cold'),
  'agents.startOver': day,
  'svids.x509TTL': time('1m', '2160h', '59s', '2161h', '1m0s to 2160h0m0s'),
  'svids.jwtTTL': time('1m', '168h', '59s', '169h', '1m0s to 168h0m0s'),
  'workloads.new': perSecond(0, 1_000_000),
  'workloads.retry': time('100ms', '30s', '99ms', '61s', '100ms to 1m0s'),
  'workloads.retryAtMost': time('1s', '10m', '99ms', '11m', '100ms to 10m0s'),
  'network.latency': varying('0s', '10s', '11s', 'durations from 0s to 10s: X, uniform X..Y'),
  'network.propagation': varying('0s', '10m', '11m', 'durations from 0s to 10m0s: X, uniform X..Y'),
  'network.zones': whole(1, 100),
  'servers.replicas': whole(1, 1000),
  'servers.capacity': perSecond(1, 1_000_000),
  'servers.workers': whole(1, 256),
  'servers.waiting': whole(1, 10_000_000),
  'servers.deadline': time('1s', '10m', '999ms', '11m', '1s to 10m0s'),
  'keyManager.kind': oneOf('memory', 'remote'),
  'keyManager.latency': varying('0s', '5s', '6s', 'durations from 0s to 5s: X, uniform X..Y'),
  'keyManager.quota': {
    ...perSecond(1, 1_000_000, ['none']),
    says: 'a rate per second from 1/s to 1000000/s (such as 1000/s), or none, is expected',
  },
  'keyManager.inFlight': whole(1, 64),
  'keyManager.pricePer10000': {
    takes: [0, 0.15, 1_000_000],
    refuses: [-0.01, 1_000_000.5, '0.15', '1 USD', NaN, true, [], {}],
    says: 'a number from 0 to 1000000 (in the currency) is expected',
  },
  'keyManager.currency': words,
  'upstream.latency': varying('0s', '2m', '3m', 'durations from 0s to 2m0s: X, uniform X..Y'),
  'upstream.away': time('0s', '1h', undefined, '61m', '0s to 1h0m0s'),
  'rotation.enabled': { takes: [true, false, 'true'], refuses: ['yes', 1, [], {}], says: 'true or false is expected' },
  'rotation.prepareAt': time('0s', '10m', undefined, '25h', '0s to 24h0m0s'),
  'rotation.activateAfter': day,
  'rotation.taintAfter': day,
  'rotation.removeAfter': day,
  failures: {
    takes: [[]],
    refuses: [Array(101).fill({ what: 'agents restarted' }), 'all', 1, true, {}],
    says: 'a list of at most 100 entries is expected',
  },
  horizon: time('10s', '24h', '9s', '25h', '10s to 24h0m0s'),
};

const momentOfFailure = time('0s', '20m', undefined, '25h', '0s to 24h0m0s');
const lengthOfFailure = time('1s', '24h', '999ms', '25h', '1s to 24h0m0s');
const FAILURES: Readonly<Record<string, Readonly<Record<string, Refusals>>>> = {
  'replicas lost': {
    at: momentOfFailure,
    for: lengthOfFailure,
    count: { ...whole(1, 1000), takes: [1, 3] },
  },
  'key manager throttled': { at: momentOfFailure, for: lengthOfFailure, quota: perSecond(0, 1_000_000) },
  'key manager away': { at: momentOfFailure, for: lengthOfFailure },
  'zone cut off': { at: momentOfFailure, for: lengthOfFailure, zone: { ...whole(1, 100), takes: [1, 3] } },
  'agents restarted': { at: momentOfFailure, over: day, share: percent },
  'rolling upgrade': { at: momentOfFailure, each: time('1s', '1h', '999ms', '61m', '1s to 1h0m0s') },
};

/** Everything that is wrong with a scenario that says `settings`; nothing, when it is one. */
function refused(settings: Readonly<Record<string, unknown>>): readonly Problem[] {
  const few = { 'agents.count': 10, 'network.zones': 3, 'keyManager.kind': 'remote', 'keyManager.quota': '10/s' };
  try {
    parseScenario('name: test', 'the scenario', { ...few, ...settings });
    return [];
  } catch (error) {
    if (error instanceof InvalidConfigError) return error.problems;
    throw error;
  }
}

test('every setting has its cases', (t) => {
  t.deepEqual(Object.keys(SETTINGS).sort(), [...settingNames(SCENARIO_SETTINGS)].sort());
  const named = Object.entries(FAILURE_SETTINGS).map(([what, group]) => [
    what,
    settingNames(group)
      .filter((name) => name !== 'what')
      .sort(),
  ]);
  const cases = Object.entries(FAILURES).map(([what, group]) => [what, Object.keys(group).sort()]);
  t.deepEqual(Object.fromEntries(cases), Object.fromEntries(named));
});

for (const [name, { takes, refuses, says }] of Object.entries(SETTINGS)) {
  test(`${name} takes its range, and refuses everything else with its path, unit and range`, (t) => {
    for (const value of takes) t.deepEqual(refused({ [name]: value }), [], JSON.stringify(value));
    for (const value of refuses) {
      const problems = refused({ [name]: value });
      const told = JSON.stringify([value, problems]);
      t.deepEqual(
        problems.map(({ path }) => path),
        [`/${name.replaceAll('.', '/')}`],
        told,
      );
      t.true(problems[0]?.reason.includes(says) === true, told);
    }
  });
}

for (const [what, group] of Object.entries(FAILURES)) {
  test(`${what}: every setting takes its range, and refuses everything else with its path, unit and range`, (t) => {
    for (const [key, { takes, refuses, says }] of Object.entries(group)) {
      for (const value of takes)
        t.deepEqual(refused({ failures: [{ what, [key]: value }] }), [], `${key}: ${JSON.stringify(value)}`);
      for (const value of refuses) {
        const problems = refused({ failures: [{ what, [key]: value }] });
        const told = JSON.stringify([key, value, problems]);
        t.deepEqual(
          problems.map(({ path }) => path),
          [`/failures/0/${key}`],
          told,
        );
        t.true(problems[0]?.reason.includes(says) === true, told);
      }
    }
  });
}

test('an unknown setting is refused at every level, with those that are known there', (t) => {
  const groups = new Set(Object.keys(SETTINGS).map((name) => name.split('.').slice(0, -1).join('.')));
  for (const group of groups) {
    const name = group === '' ? 'other' : `${group}.other`;
    const problems = refused({ [name]: 1 });
    t.deepEqual(
      problems.map(({ path }) => path),
      [`/${name.replaceAll('.', '/')}`],
    );
    t.regex(problems[0]?.reason ?? '', /^unknown setting; known here: \w+/);
  }
  for (const what of Object.keys(FAILURES)) {
    const problems = refused({ failures: [{ what, other: 1 }] });
    t.deepEqual(
      problems.map(({ path }) => path),
      ['/failures/0/other'],
    );
  }
});

test('a group that is no group, and a failure that is none, are refused where they stand', (t) => {
  t.deepEqual(refused({ agents: 5 })[0]?.path, '/agents');
  t.deepEqual(refused({ failures: [5] })[0]?.path, '/failures/0/what');
  t.deepEqual(refused({ failures: [null] })[0]?.path, '/failures/0/what');
});
