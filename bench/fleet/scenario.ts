import { Problems } from '../../src/runtime/problems.js';
import {
  choice,
  duration,
  flag,
  integer,
  optionalDuration,
  readSettings,
  requiredText,
  text,
  type Parsed,
} from '../../src/runtime/settings.js';
import { overlaySettings, type SettingOverrides } from '../../src/runtime/settings-overlay.js';
import { parseYaml } from '../../src/runtime/yaml-document.js';
import { ISSUANCE_LIMITS } from '../../server-stub/src/api/issuance-limits.js';
import { CALL_MS } from '../../src/issuer-client/call-limits.js';
import { RENEWALS_PER_SECOND } from '../../src/svid/renewal-gate.js';
import { SVID_DEFAULTS } from '../../src/svid/svid-room.js';
import { TAINT_DELAY_MAX_MS } from '../../src/svid/taint-wave.js';
import { meanOf } from './distribution.js';
import { readFailure } from './failure-settings.js';
import { amount, counts, durations, listOf, rate, rateOr, share } from './scenario-settings.js';

/** SVIDs of the whole fleet; about 40 bytes each while a simulation runs. */
const MAX_SVIDS = 40_000_000;
/** As many as an agent holds at once. */
const MAX_SVIDS_PER_AGENT = SVID_DEFAULTS.maxIdentities;

/** Everything a scenario says, with its unit, range and default. */
export const SCENARIO_SETTINGS = {
  name: requiredText('A few words for the head of the report.'),
  description: text('What is asked.', ''),
  agents: {
    count: integer('Agents of the fleet.', 1000, 1, 2_000_000),
    svids: counts('X.509-SVIDs that one agent holds.', '20', { min: 1, max: MAX_SVIDS_PER_AGENT }),
    tooOld: share('Agents of a version that does not know what a taint is; they renew at half-life only.', '0%'),
    away: share('Agents without a connection when the scenario begins.', '0%'),
    return: durations('When those come back, from the start of the scenario.', 'uniform 0s..10m', {
      min: '0s',
      max: '24h',
    }),
    rule: choice(
      'How a taint is worked off: this project’s way, or 100 per 5 s without a delay.',
      ['spirl', 'spire'],
      'spirl',
    ),
    taintDelay: duration('Upper bound of the random wait of each agent.', `${TAINT_DELAY_MAX_MS / 1000}s`, {
      min: '0s',
      max: '1h',
    }),
    renewalsPerSecond: integer('Renewals that one agent starts per second.', RENEWALS_PER_SECOND, 1, 1000),
    start: choice(
      'steady: SVIDs of all ages; together: all just issued; cold: none yet, all are wanted.',
      ['steady', 'together', 'cold'],
      'steady',
    ),
    startOver: duration('cold: the agents start within this time.', '0s', { min: '0s', max: '24h' }),
  },
  svids: {
    x509TTL: duration('Lifetime of an X.509-SVID.', '24h', { min: '1m', max: '2160h' }),
    jwtTTL: duration('Lifetime of a JWT-SVID. A taint does not renew it.', '24h', { min: '1m', max: '168h' }),
  },
  workloads: {
    new: rate('Workloads that ask for a first SVID, of the whole fleet.', '0/s', { min: 0, max: 1e6 }),
    retry: duration('First wait of a workload that was refused; doubles, with jitter.', '1s', {
      min: '100ms',
      max: '1m',
    }),
    retryAtMost: duration('Longest such wait.', '30s', { min: '100ms', max: '10m' }),
  },
  network: {
    latency: durations('One way, between agent and server.', 'lognormal 2ms p99 20ms', { min: '0s', max: '10s' }),
    propagation: durations('From a published step until an agent has it.', 'uniform 10ms..500ms', {
      min: '0s',
      max: '10m',
    }),
    zones: integer('Zones that agents and replicas are spread over evenly.', 1, 1, 100),
  },
  servers: {
    replicas: integer('Server replicas.', 3, 1, 1000),
    capacity: rate('SVIDs that one replica issues, without the key manager’s part.', '4000/s', { min: 1, max: 1e6 }),
    workers: integer('Issued at the same time by one replica.', 1, 1, 256),
    waiting: integer(
      'SVIDs that may wait at one replica; more are refused, and so is what would wait too long.',
      ISSUANCE_LIMITS.waiting,
      1,
      10_000_000,
    ),
    deadline: duration('How long an agent waits for the answer to one message.', `${CALL_MS / 1000}s`, {
      min: '1s',
      max: '10m',
    }),
  },
  keyManager: {
    kind: choice(
      'memory: keys in the server’s memory; remote: every signature is a call.',
      ['memory', 'remote'],
      'memory',
    ),
    latency: durations('Of one signature.', 'lognormal 12ms p99 60ms', { min: '0s', max: '5s' }),
    quota: rateOr('none', 'Signatures per second of all replicas together; more are throttled.', 'none', {
      min: 1,
      max: 1e6,
    }),
    inFlight: integer('Signatures under way of one replica.', 64, 1, 64),
    pricePer10000: amount('Of 10,000 signatures.', 'in the currency', 0.15, { min: 0, max: 1e6 }),
    currency: text('Of the price.', 'USD'),
  },
  upstream: {
    latency: durations('Until the upstream authority has signed a new CA.', '1s', { min: '0s', max: '2m' }),
    away: duration('It does not answer for so long after the rotation has begun.', '0s', { min: '0s', max: '1h' }),
  },
  rotation: {
    enabled: flag('Whether a keyset is rotated.', 'true'),
    prepareAt: duration('When `prepare` is run.', '5s', { min: '0s', max: '24h' }),
    activateAfter: duration('How long after `prepare` returned `activate` is run.', '5s', { min: '0s', max: '24h' }),
    taintAfter: duration('How long after `activate` returned `taint` is run.', '5s', { min: '0s', max: '24h' }),
    removeAfter: optionalDuration('How long after `taint` returned `remove` is run.', 'not run', {
      min: '0s',
      max: '24h',
    }),
  },
  failures: listOf('What goes wrong meanwhile.', 100, readFailure),
  horizon: duration('The simulation ends when everything is renewed, at the latest after this time.', '30m', {
    min: '10s',
    max: '24h',
  }),
} as const;

export type Scenario = Parsed<typeof SCENARIO_SETTINGS>;

/** Reads a scenario. Throws InvalidConfigError with everything that is wrong with it: path, unit and range. */
export function parseScenario(yaml: string, subject: string, overrides: SettingOverrides = {}): Scenario {
  const problems = new Problems();
  const scenario = readSettings(SCENARIO_SETTINGS, overlaySettings(parseYaml(yaml, subject), overrides), problems);
  if (problems.all.length === 0) checkTogether(scenario, problems);
  problems.throwIfAny(subject);
  return scenario;
}

/** What no setting can see alone. */
function checkTogether(scenario: Scenario, problems: Problems): void {
  const { agents, servers, network, failures, keyManager, workloads, rotation, horizon } = scenario;
  const svids = Math.round(agents.count * Math.min(MAX_SVIDS_PER_AGENT, meanOf(agents.svids)));
  if (svids > MAX_SVIDS) {
    const most = Math.floor(MAX_SVIDS / agents.count);
    problems.add(
      '/agents/svids',
      `at most ${MAX_SVIDS} SVIDs in all can be simulated: with ${agents.count} agents a mean from 1 to ${most} SVIDs is expected, not ${Math.round(svids / agents.count)}`,
    );
  }
  if (rotation.enabled && rotation.prepareAt > horizon) {
    problems.add('/rotation/prepareAt', 'a moment before horizon is expected');
  }
  if (workloads.retryAtMost < workloads.retry) {
    problems.add('/workloads/retryAtMost', 'a duration not shorter than workloads.retry is expected');
  }
  failures.forEach((failure, index) => {
    if (failure.what === 'replicas lost' && failure.count > servers.replicas) {
      problems.add(
        `/failures/${index}/count`,
        `a whole number from 1 to servers.replicas (${servers.replicas}) is expected`,
      );
    }
    if (failure.what === 'zone cut off' && failure.zone >= network.zones) {
      problems.add(`/failures/${index}/zone`, `a whole number from 1 to network.zones (${network.zones}) is expected`);
    }
    if (failure.what.startsWith('key manager') && keyManager.kind !== 'remote') {
      problems.add(`/failures/${index}/what`, 'keyManager.kind remote is expected with it');
    }
    if (failure.atMs > horizon) problems.add(`/failures/${index}/at`, 'a moment before horizon is expected');
  });
}
