import type { WorkloadLoad } from '../load/workloads.js';
import { LoadProcess } from '../rig/load-process.js';
import { inRounds } from '../rounds.js';
import type { Figure } from '../row.js';
import { AT_ONCE, sampleFetches, type FetchSample } from '../rows/fetch.js';
import { atMost, compared, SIDES, type Side, type Stage } from './sides.js';

const CASES = [
  { name: 'X.509, 1 at a time', kind: 'x509', inFlight: 1, most: 1 },
  { name: `X.509, ${AT_ONCE} at a time`, kind: 'x509', inFlight: AT_ONCE, most: 0.75 },
  { name: 'cached JWT', kind: 'jwt', inFlight: 1, most: undefined },
] as const;

/** B5: fetches on a new connection each, and cached JWT-SVIDs. */
export async function compareFetching({ agents, effort }: Stage): Promise<Figure[]> {
  const load = new LoadProcess<WorkloadLoad>('load/workloads.js');
  const cases: Record<string, (ms: number) => Promise<FetchSample>> = {};
  for (const { name, kind, inFlight } of CASES) {
    for (const side of SIDES) {
      const target = { pid: agents[side].program.pid, socket: agents[side].socket };
      cases[`${side} ${name}`] = (ms) => sampleFetches(load, target, kind, inFlight, ms);
    }
  }
  const samples = await inRounds(cases, effort);
  await load.stop();
  return CASES.flatMap(({ name, most }) => {
    const field = (of: keyof FetchSample): Record<Side, number[]> => ({
      own: (samples[`own ${name}`] ?? []).map((sample) => sample[of]),
      spire: (samples[`spire ${name}`] ?? []).map((sample) => sample[of]),
    });
    return [
      compared(`B5 ${name}: CPU per fetch`, field('cpuUs'), 'us', most === undefined ? {} : { target: atMost(most) }),
      compared(`B5 ${name}: p50`, field('p50'), 'ms', { digits: 2 }),
      compared(`B5 ${name}: p99`, field('p99'), 'ms', { digits: 2 }),
    ];
  });
}
