import { X509_PATH } from '../load/requests.js';
import type { WorkloadLoad } from '../load/workloads.js';
import { LoadProcess } from '../rig/load-process.js';
import { manyUsers } from '../rig/many-users.js';
import { cpuSeconds } from '../rig/usage.js';
import { untilReady } from '../rig/program.js';
import type { Figure } from '../row.js';
import { footprintOf, openedKib, type Footprint } from '../rows/memory.js';
import { bundleUpdates } from '../rows/push.js';
import { firstMessage } from '../load/raw-grpc.js';
import { atMost, compared, MANY_USERS, SIDES, type Side, type Stage } from './sides.js';

interface Updated {
  readonly perStream: number;
  readonly wallMs: readonly number[];
  readonly cpuMs: readonly number[];
}

/** An update of every bundle of a side. SPIRE's agents ask for news every 5 s; from first to last stream that does not count. */
function updatesOf({ domain, spire }: Stage): Record<Side, () => Promise<unknown>> {
  let prepared = false;
  return {
    own: bundleUpdates(domain),
    spire: async () => {
      // Only one authority can be prepared at a time.
      if (prepared) await spire.settleBundle();
      prepared = true;
      await spire.changeBundle();
    },
  };
}

/** B6 and B7: open streams and updates to all of them, with one identity. */
export async function compareStreaming(stage: Stage): Promise<Figure[]> {
  const { agents, effort } = stage;
  const count = effort.quick ? 1_000 : 5_000;
  const updates = updatesOf(stage);
  const results: Partial<Record<Side, Updated>> = {};
  for (const side of SIDES) {
    effort.progress(`${count} streams of ${side}`);
    results[side] = await streamsOf(agents[side], count, updates[side], effort.quick ? 1 : 3);
  }
  const field = (of: (updated: Updated) => readonly number[]): Record<Side, readonly number[]> => ({
    own: results.own === undefined ? [] : of(results.own),
    spire: results.spire === undefined ? [] : of(results.spire),
  });
  const target = { target: atMost(1) };
  return [
    compared(
      `B6 update to ${count} streams, first to last`,
      field(({ wallMs }) => wallMs),
      'ms',
      target,
    ),
    compared(
      `B6 update to ${count} streams, CPU`,
      field(({ cpuMs }) => cpuMs),
      'ms',
      target,
    ),
    compared(
      `B7 memory per stream of ${count}`,
      field(({ perStream }) => [perStream]),
      'KiB',
      { ...target, digits: 1 },
    ),
  ];
}

async function streamsOf(
  { program, socket }: Stage['agents'][Side],
  count: number,
  update: () => Promise<unknown>,
  rounds: number,
): Promise<Updated> {
  const load = new LoadProcess<WorkloadLoad>('load/workloads.js');
  const perStream = await openedKib(load, program.pid, socket, count);
  const wallMs: number[] = [];
  const cpuMs: number[] = [];
  for (let round = 0; round < rounds; round++) {
    await load.do('forget');
    const cpu = cpuSeconds(program.pid);
    const updating = update();
    wallMs.push((await load.do('arrived', 1)).firstToLastMs);
    cpuMs.push((cpuSeconds(program.pid) - cpu) * 1000);
    await updating;
  }
  await load.do('closeAll');
  await load.stop();
  return { perStream, wallMs, cpuMs };
}

/** B7: the agent with many identities, a stream for each. */
export async function compareFootprint(stage: Stage): Promise<Figure[]> {
  const { domain, spire, spirePort, effort } = stage;
  const updates = updatesOf(stage);
  const prepared = {
    own: domain.prepareAgent({ cacheSize: MANY_USERS.count + 100 }),
    spire: await spire.prepareAgent(spirePort, 'many'),
  };
  await spire.takenIn();
  const results: Record<Side, Footprint[]> = { own: [], spire: [] };
  for (const side of SIDES) {
    effort.progress(`${MANY_USERS.count} identities of ${side}`);
    const users = await manyUsers(prepared[side].socket, domain.dir, MANY_USERS.count, MANY_USERS.first);
    const { program } = prepared[side].launch();
    await untilReady(program, () => firstMessage(users.sockets[0] ?? '', X509_PATH, Buffer.alloc(0)));
    results[side].push(await footprintOf(program.pid, users.sockets, updates[side], effort.quick ? 2_000 : 10_000));
    users.stop();
    await program.stop();
  }
  const field = (of: keyof Footprint, factor = 1): Record<Side, number[]> => ({
    own: results.own.map((one) => one[of] * factor),
    spire: results.spire.map((one) => one[of] * factor),
  });
  const target = { target: atMost(1) };
  const what = `${MANY_USERS.count} SVIDs and streams`;
  return [
    compared(`B7 resident, ${what}`, field('openMib'), 'MiB', target),
    compared(`B7 resident, ${what}, after an update`, field('updatedMib'), 'MiB', target),
    compared(`B7 idle CPU, ${what}`, field('idle', 100), '% of a core', { digits: 2 }),
  ];
}
