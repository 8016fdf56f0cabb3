import { X509_PATH } from '../load/requests.js';
import type { WorkloadLoad } from '../load/workloads.js';
import { LoadProcess } from '../rig/load-process.js';
import { TrustDomain } from '../rig/trust-domain.js';
import { spreadOf, type Effort, type Figure, type Row } from '../row.js';
import { bundleUpdates, samplePush, type PushSample } from './push.js';

const SMALLEST = 500;
const DOUBLINGS = 3;

/** Medians of updates to `count` streams, all on one agent that has been updated before. */
async function medians(
  domain: TrustDomain,
  load: LoadProcess<WorkloadLoad>,
  count: number,
  rounds: number,
): Promise<Pick<PushSample, 'wallMs' | 'cpuSeconds'>> {
  const agent = await domain.startAgent();
  const others = new LoadProcess<WorkloadLoad>('load/workloads.js');
  const warm = { sockets: [agent.socket], path: X509_PATH, body: Buffer.alloc(0), inFlight: 8, ms: 1_500 } as const;
  await load.do('loop', { ...warm, connectionPer: 'call' });
  await load.do('open', [agent.socket], count);
  const target = { pid: agent.program.pid, socket: agent.socket, load, push: bundleUpdates(domain) };
  const samples: PushSample[] = [];
  for (let round = 0; round < rounds; round++) samples.push(await samplePush(target, others));
  await load.do('closeAll');
  await others.stop();
  await agent.program.stop();
  const median = (field: keyof PushSample): number => spreadOf(samples.map((sample) => sample[field])).median;
  return { wallMs: median('wallMs'), cpuSeconds: median('cpuSeconds') };
}

async function measure(effort: Effort): Promise<readonly Figure[]> {
  const domain = await TrustDomain.start(effort.profiling);
  const load = new LoadProcess<WorkloadLoad>('load/workloads.js');
  try {
    const smallest = effort.quick ? SMALLEST / 2 : SMALLEST;
    const counts = Array.from({ length: DOUBLINGS + 1 }, (_, doubling) => smallest * 2 ** doubling);
    const measured: Pick<PushSample, 'wallMs' | 'cpuSeconds'>[] = [];
    for (const count of counts) {
      effort.progress(`${count} streams`);
      measured.push(await medians(domain, load, count, effort.quick ? 2 : 5));
    }
    return (['wallMs', 'cpuSeconds'] as const).map((field): Figure => {
      const values = measured.map((one) => one[field]);
      return {
        name: `update to open streams, ${field === 'wallMs' ? 'first to last' : 'CPU'}, per doubling`,
        // 1: twice as many streams take twice as long.
        ratios: values.slice(1).map((value, i) => value / (values[i] ?? NaN) / 2),
        target: { is: 'at most', value: 1.1 },
        absolute: Object.fromEntries(
          counts.map((count, i) => [
            `${count} streams`,
            field === 'wallMs' ? `${values[i]?.toFixed(0)} ms` : `${values[i]?.toFixed(3)} s`,
          ]),
        ),
      };
    });
  } finally {
    await load.stop();
    await domain.stop();
  }
}

export const growthRow: Row = {
  id: 'B11',
  work: 'growth of B6 with the number of streams: N, 2N, 4N, 8N',
  anchor: 'the straight line through the one before',
  measure,
};
