import { parseScenario, type Scenario } from '../../bench/fleet/scenario.js';

/** A scenario of the settings given as dotted names; 100 agents with 20 SVIDs of an hour unless they say otherwise. */
export function scenario(settings: Readonly<Record<string, unknown>> = {}): Scenario {
  const base = { 'agents.count': 100, 'agents.svids': '20', 'svids.x509TTL': '1h', 'servers.replicas': 1 };
  return parseScenario('name: test', 'the scenario', { ...base, ...settings });
}
