import { Problems } from '../../src/runtime/problems.js';
import { parametersOf } from '../fleet/distribution.js';
import type { Failure } from '../fleet/failure-settings.js';
import { FleetState } from '../fleet/fleet-state.js';
import type { Scenario } from '../fleet/scenario.js';
import type { LightAgentPlan } from './light-fleet-options.js';

/** What one machine is asked to do at most. */
export const LIVE_LIMITS = { agents: 2_000, svids: 50_000, horizonMs: 30 * 60_000 } as const;
/** Calls under way that a server allows a webhook; the same number is in its provider. */
export const WEBHOOK_IN_FLIGHT = 32;
/** An agent's own bound of a message. */
const DEADLINE_MS = 15_000;
const WAITING = 20_000;

const LIVE_FAILURES: readonly Failure['what'][] = [
  'replicas lost',
  'rolling upgrade',
  'agents restarted',
  'key manager throttled',
  'key manager away',
];

/** Throws InvalidConfigError with every setting that real agents, or one machine, cannot follow. */
export function checkLive(scenario: Scenario, subject: string): void {
  const problems = new Problems();
  const demand = (holds: boolean, path: string, reason: string): void => {
    if (!holds) problems.add(path, `${reason} is expected of a live run`);
  };
  const { agents, network, servers, workloads, keyManager, upstream, horizon, failures } = scenario;
  const [, most] = parametersOf(agents.svids);
  demand(agents.count <= LIVE_LIMITS.agents, '/agents/count', `a whole number from 1 to ${LIVE_LIMITS.agents}`);
  demand(
    agents.count * most <= LIVE_LIMITS.svids,
    '/agents/svids',
    `at most ${LIVE_LIMITS.svids} SVIDs of all agents together`,
  );
  demand(agents.rule === 'spirl', '/agents/rule', 'spirl (agents as they ship)');
  demand(agents.tooOld === 0, '/agents/tooOld', '0% (agents as they ship)');
  demand(agents.away === 0, '/agents/away', '0%');
  demand(agents.start !== 'steady', '/agents/start', 'together or cold (SVIDs of all ages take days)');
  demand(network.zones === 1, '/network/zones', '1');
  demand(servers.replicas === 1, '/servers/replicas', '1');
  demand(servers.deadline === DEADLINE_MS, '/servers/deadline', '15s (agents as they ship)');
  demand(servers.waiting === WAITING, '/servers/waiting', `${WAITING} (a server as it ships)`);
  demand(workloads.new === 0, '/workloads/new', '0/s');
  demand(upstream.away === 0, '/upstream/away', '0s');
  demand(
    keyManager.kind === 'memory' || keyManager.inFlight === WEBHOOK_IN_FLIGHT,
    '/keyManager/inFlight',
    `${WEBHOOK_IN_FLIGHT} (a webhook’s calls under way)`,
  );
  demand(horizon <= LIVE_LIMITS.horizonMs, '/horizon', 'a duration from 10s to 30m');
  failures.forEach(({ what }, index) =>
    demand(LIVE_FAILURES.includes(what), `/failures/${index}/what`, `one of ${LIVE_FAILURES.join(', ')}`),
  );
  problems.throwIfAny(subject);
}

/** The agents of a scenario, with the SVIDs that the simulator gives them for the same seed. */
export function agentPlans(scenario: Scenario, seed: number): readonly LightAgentPlan[] {
  const { count, start, startOver } = scenario.agents;
  const { first } = new FleetState(scenario, seed);
  return Array.from({ length: count }, (_, index) => ({
    index,
    firstSvid: first[index] ?? 0,
    svids: (first[index + 1] ?? 0) - (first[index] ?? 0),
    afterMs: start === 'cold' ? (startOver * index) / count : 0,
  }));
}
