import type { Clock } from '../../src/runtime/clock.js';
import type { Failure } from '../fleet/failure-settings.js';
import { Random } from '../fleet/random.js';
import type { LightFleets } from './light-fleets.js';
import type { LiveTarget } from './live-target.js';

/** Stream of the seed that says which agents are restarted. */
const RESTARTS_STREAM = 900;

/** Lets the scenario's failures happen, each in its time; resolves when the last one is over. */
export async function runFailures(
  failures: readonly Failure[],
  parts: {
    readonly target: LiveTarget;
    readonly fleets: LightFleets;
    readonly agents: number;
    readonly seed: number;
    readonly clock: Clock;
  },
  signal: AbortSignal,
): Promise<void> {
  const { target, fleets, clock, seed } = parts;
  const random = new Random(seed, RESTARTS_STREAM);
  const away = async (how: 'SIGKILL' | 'SIGTERM', forMs: number): Promise<void> => {
    await target.end(how);
    await clock.sleep(forMs, signal);
    await target.again();
  };
  const happen = async (failure: Failure): Promise<void> => {
    await clock.sleep(failure.atMs, signal);
    switch (failure.what) {
      case 'replicas lost':
        return away('SIGKILL', failure.forMs);
      case 'rolling upgrade':
        return away('SIGTERM', failure.eachMs);
      case 'agents restarted': {
        const all = Array.from({ length: parts.agents }, (_, index) => index);
        return fleets.restart(
          all.filter(() => random.next() < failure.share),
          failure.overMs,
        );
      }
      case 'key manager throttled':
        target.keyService?.setQuota(failure.quota);
        await clock.sleep(failure.forMs, signal);
        target.keyService?.setQuota(undefined);
        return;
      case 'key manager away':
        target.keyService?.setAway(true);
        await clock.sleep(failure.forMs, signal);
        target.keyService?.setAway(false);
        return;
      case 'zone cut off':
        throw new Error('a live run has no zones');
    }
  };
  await Promise.all(failures.map(happen));
}
