import { meanOf, type Distribution } from '../fleet/distribution.js';
import type { Scenario } from '../fleet/scenario.js';

/**
 * The scenario as the simulator gets it after a benchmark has measured `capacity` SVIDs per second. With keys in memory that is what a
 * replica issues. With a key manager outside it is what the key manager lets through: as many calls as may be under way, each taking its
 * time; so the time of a call becomes the one that gives this capacity. A quota that is below it stays what limits.
 */
export function calibrated(scenario: Scenario, capacity: number): Scenario {
  const { servers, keyManager } = scenario;
  if (keyManager.kind === 'memory') return { ...scenario, servers: { ...servers, capacity } };
  const expected = (keyManager.inFlight * 1000) / meanOf(keyManager.latency);
  if ((keyManager.quota ?? Infinity) < expected) return scenario;
  const latency = scaled(keyManager.latency, expected / capacity);
  return { ...scenario, keyManager: { ...keyManager, latency } };
}

function scaled(distribution: Distribution, by: number): Distribution {
  switch (distribution.kind) {
    case 'fixed':
      return { kind: 'fixed', value: distribution.value * by };
    case 'uniform':
      return { kind: 'uniform', from: distribution.from * by, to: distribution.to * by };
    case 'exponential':
      return { kind: 'exponential', mean: distribution.mean * by };
    case 'lognormal':
      return { kind: 'lognormal', median: distribution.median * by, p99: distribution.p99 * by };
  }
}
