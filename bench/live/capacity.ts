import { join } from 'node:path';
import type { Clock } from '../../src/runtime/clock.js';
import { withDeadline } from '../../src/runtime/deadline.js';
import type { MintingAgent } from '../load/minting-agent.js';
import { LoadProcess } from '../rig/load-process.js';
import { spreadOf } from '../row.js';
import type { AgentAccess } from './light-fleet-options.js';

/** As many SVIDs in a message as an agent's renewal loop sends. */
const BATCH = 5;
/** Messages under way: enough to keep every server busy that is driven here. */
const IN_FLIGHT = 32;
const WARM_UP_MS = 1_000;
const SAMPLE_MS = 3_000;
/** The median of so many samples counts: a machine has other things to do, too. */
const SAMPLES = 3;

/** Login and all samples, with room for a slow machine. */
const LIMIT_MS = 60_000;

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
    const rates: number[] = [];
    for (let i = 0; i < SAMPLES; i++) {
      const { svids, seconds } = await load.do('mint', 'x509', BATCH, IN_FLIGHT, SAMPLE_MS);
      rates.push(svids / seconds);
    }
    return spreadOf(rates).median;
  };
  try {
    return await withDeadline(measure, LIMIT_MS, 'the capacity could not be measured in 60 s', clock, signal);
  } finally {
    await load.stop();
  }
}
