import type { WorkloadLoad } from '../load/workloads.js';
import { LoadProcess } from '../rig/load-process.js';
import { manyUsers } from '../rig/many-users.js';
import type { Agent } from '../rig/trust-domain.js';
import { shuffled } from '../rounds.js';
import type { Figure } from '../row.js';
import { startUnderMany, type ManyServed } from '../rows/start.js';
import { atMost, compared, MANY_USERS, SIDES, type Side, type Stage } from './sides.js';

const POLL_MS = 5;

interface Prepared {
  readonly socket: string;
  readonly launch: () => Agent;
}

/** B9: exec of the agent to the first SVID, with one identity on the node and with many that ask at once. */
export async function compareStarts(stage: Stage): Promise<Figure[]> {
  const rounds = stage.effort.quick ? 2 : 5;
  const manyRounds = stage.effort.quick ? 1 : 3;
  const single = await prepareAll(stage, 'single', rounds);
  const many = await prepareAll(stage, 'many', manyRounds);
  await stage.spire.takenIn();
  const load = new LoadProcess<WorkloadLoad>('load/workloads.js');
  const first: Record<Side, number[]> = { own: [], spire: [] };
  for (let round = 0; round < rounds; round++) {
    for (const side of shuffled(SIDES)) {
      stage.effort.progress(`start ${round + 1} of ${rounds}: ${side}`);
      first[side].push(await exec(load, single[side][round] as Prepared));
    }
  }
  const served: Record<Side, ManyServed[]> = { own: [], spire: [] };
  for (let round = 0; round < manyRounds; round++) {
    for (const side of shuffled(SIDES)) {
      stage.effort.progress(`start under many ${round + 1} of ${manyRounds}: ${side}`);
      const { socket, launch } = many[side][round] as Prepared;
      const users = await manyUsers(socket, stage.domain.dir, MANY_USERS.count, MANY_USERS.first);
      served[side].push(await startUnderMany(load, users.sockets, launch));
      users.stop();
    }
  }
  await load.stop();
  const field = (of: keyof ManyServed): Record<Side, number[]> => ({
    own: served.own.map((one) => one[of]),
    spire: served.spire.map((one) => one[of]),
  });
  const what = `${MANY_USERS.count} identities asking`;
  return [
    compared('B9 exec to first SVID, one identity', first, 'ms'),
    compared(`B9 exec to first SVID, ${what}`, field('first'), 'ms', { target: atMost(1) }),
    compared(`B9 exec to all SVIDs, ${what}`, field('all'), 'ms', { target: atMost(1) }),
  ];
}

/** Agents with their tokens and settings, so that the server has known them for long when they start. */
async function prepareAll(
  { domain, spire, spirePort }: Stage,
  kind: 'single' | 'many',
  count: number,
): Promise<Record<Side, Prepared[]>> {
  const prepared: Record<Side, Prepared[]> = { own: [], spire: [] };
  for (let i = 0; i < count; i++) {
    prepared.own.push(domain.prepareAgent());
    prepared.spire.push(await spire.prepareAgent(spirePort, kind));
  }
  return prepared;
}

async function exec(load: LoadProcess<WorkloadLoad>, { socket, launch }: Prepared): Promise<number> {
  const startedAt = performance.timeOrigin + performance.now();
  const agent = launch();
  const servedAt = await load.do('untilServed', socket, POLL_MS);
  await agent.program.stop();
  return servedAt - startedAt;
}
