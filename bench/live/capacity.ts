import { join } from 'node:path';
import type { Clock } from '../../src/runtime/clock.js';
import { withDeadline } from '../../src/runtime/deadline.js';
import { SpirlError } from '../../src/runtime/errors.js';
import type { MintingAgent } from '../load/minting-agent.js';
import { LoadProcess } from '../rig/load-process.js';
import type { AgentAccess } from './light-fleet-options.js';

/** As many SVIDs in a message as an agent's renewal loop sends. */
const BATCH = 5;
/** Messages under way: twice what a webhook is asked at a time, and no more than a slow server takes in. */
const IN_FLIGHT = 13;
const WARM_UP_MS = 1_000;
const SAMPLE_MS = 5_000;
/** A server that issues fewer than so many per second is looked at for longer: its answers come in bursts. */
const SLOW = 500;
const LONG_SAMPLE_MS = 30_000;

/** Login and sample, with room for a slow machine. */
const LIMIT_MS = 90_000;

/** SVIDs per second that a server issues to one agent that asks as fast as it is answered: the benchmark's figure, row B3. */
export async function measureCapacity(
  access: AgentAccess,
  dir: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<number> {
  const load = new LoadProcess<MintingAgent>('load/minting-agent.js');
  const measure = async (): Promise<number> => {
    await load.do('login', { ...access, stateDir: join(dir, 'capacity') });
    await load.do('mint', 'x509', BATCH, IN_FLIGHT, WARM_UP_MS);
    const { steadyPerSecond: first } = await load.do('mint', 'x509', BATCH, IN_FLIGHT, SAMPLE_MS);
    if (first > SLOW) return first;
    const { steadyPerSecond } = await load.do('mint', 'x509', BATCH, IN_FLIGHT, LONG_SAMPLE_MS);
    if (steadyPerSecond === 0) throw new SpirlError('UNAVAILABLE', 'the server issues too slowly to be measured');
    return steadyPerSecond;
  };
  try {
    return await withDeadline(measure, LIMIT_MS, 'the capacity could not be measured in 90 s', clock, signal);
  } finally {
    await load.stop();
  }
}
