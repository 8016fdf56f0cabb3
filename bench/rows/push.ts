import { join } from 'node:path';
import type { BareServer } from '../anchor/bare-http2.js';
import { X509_PATH } from '../load/requests.js';
import type { WorkloadLoad } from '../load/workloads.js';
import { LoadProcess } from '../rig/load-process.js';
import { leaveDomain, openDomain } from '../rig/shared-domain.js';
import type { Agent, TrustDomain } from '../rig/trust-domain.js';
import { cpuSeconds, memoryKib } from '../rig/usage.js';
import { sizeOf, spreadOf, warmUpMs, type Effort, type Figure, type Row } from '../row.js';

export interface PushSample {
  readonly wallMs: number;
  readonly cpuSeconds: number;
  /** Median latency of another caller's fetches meanwhile, ms. */
  readonly others: number;
}

export interface Streams {
  readonly pid: number;
  readonly socket: string;
  readonly load: LoadProcess<WorkloadLoad>;
  /** Starts an update of every stream. */
  readonly push: () => Promise<unknown>;
}

const STREAMS = { full: 5_000, guarded: 1_000, quick: 400 };

/** Two updates: one by itself for time and CPU, and one while another caller fetches for `ms`. */
export async function samplePush(
  streams: Streams,
  others: LoadProcess<WorkloadLoad>,
  ms: number = OTHERS_MS.full,
): Promise<PushSample> {
  const alone = await sampleUpdate(streams);
  const fetching = others.do('loop', {
    ...{ sockets: [streams.socket], path: X509_PATH, body: Buffer.alloc(0), inFlight: 1, ms },
    connectionPer: 'call',
  });
  await sampleUpdate(streams);
  return { ...alone, others: (await fetching).p50 };
}

const OTHERS_MS = { quick: 200, full: 500 };

/** One update by itself. */
export async function sampleUpdate({ pid, load, push }: Streams): Promise<Omit<PushSample, 'others'>> {
  await load.do('forget');
  const before = cpuSeconds(pid);
  const pushed = push();
  const { firstToLastMs, ended } = await load.do('arrived', 1);
  const cpu = cpuSeconds(pid) - before;
  if (ended > 0) throw new Error(`${ended} streams ended`);
  await pushed;
  return { wallMs: firstToLastMs, cpuSeconds: cpu };
}

/** An update that every stream has to be told: a new authority appears in the bundle; the next one makes it disappear. */
export function bundleUpdates({ admin }: TrustDomain): () => Promise<unknown> {
  const deployment = { trustDomain: 'bench.test', deploymentName: 'bench' };
  let prepared: string | undefined;
  return async () => {
    if (prepared === undefined) {
      prepared = (await admin.call('trustdomain.PrepareDeploymentKeySet', { deployment })).keySetId;
      return;
    }
    const step = { deployment, keySetId: prepared };
    prepared = undefined;
    await admin.call('trustdomain.TaintDeploymentKeySet', step);
    await admin.call('trustdomain.RemoveDeploymentKeySet', step);
  };
}

async function measure(effort: Effort): Promise<readonly Figure[]> {
  const domain = await openDomain(effort);
  const bare = new LoadProcess<BareServer>('anchor/bare-http2.js');
  const loads = [
    new LoadProcess<WorkloadLoad>('load/workloads.js'),
    new LoadProcess<WorkloadLoad>('load/workloads.js'),
  ] as const;
  const others = new LoadProcess<WorkloadLoad>('load/workloads.js');
  try {
    const count = sizeOf(effort, STREAMS);
    const agent = await domain.startAgent();
    const anchorSocket = join(domain.dir, 'bare.sock');
    const message = await loads[0].do('first', agent.socket, X509_PATH, Buffer.alloc(0));
    await bare.do('serve', anchorSocket, message, message);
    const targets = streamsOf(domain, agent, bare, anchorSocket, loads);
    effort.progress(`opening 2 x ${count} streams`);
    await openBoth(targets, count, warmUpMs(effort));
    const samples: Record<'agent' | 'bare', PushSample[]> = { agent: [], bare: [] };
    for (let round = 1; round <= Math.min(5, effort.rounds); round++) {
      effort.progress(`update ${round}`);
      for (const side of ['agent', 'bare'] as const)
        samples[side].push(await samplePush(targets[side], others, OTHERS_MS[effort.quick ? 'quick' : 'full']));
    }
    const peak = { agent: memoryKib(agent.program.pid).peak, bare: memoryKib(bare.pid).peak };
    return [...pushFigures(samples, count), peakFigure(peak)];
  } finally {
    await Promise.all([...loads, others, bare].map((helper) => helper.stop()));
    await leaveDomain(domain, effort);
  }
}

function streamsOf(
  domain: TrustDomain,
  agent: Agent,
  bare: LoadProcess<BareServer>,
  anchorSocket: string,
  loads: readonly [LoadProcess<WorkloadLoad>, LoadProcess<WorkloadLoad>],
): Record<'agent' | 'bare', Streams> {
  return {
    agent: { pid: agent.program.pid, socket: agent.socket, load: loads[0], push: bundleUpdates(domain) },
    bare: { pid: bare.pid, socket: anchorSocket, load: loads[1], push: () => bare.do('push') },
  };
}

/** Opens as many streams on both, after the same work to warm up. */
async function openBoth(targets: Record<'agent' | 'bare', Streams>, count: number, warmMs: number): Promise<void> {
  for (const { socket, load } of Object.values(targets)) {
    const loop = { sockets: [socket], path: X509_PATH, body: Buffer.alloc(0), inFlight: 8, ms: warmMs } as const;
    await load.do('loop', { ...loop, connectionPer: 'call' });
    await load.do('open', [socket], count);
  }
}

/** 322 ms for 5,000 streams, when bare node:http2 took about 140. */
function pushFigures(samples: Record<'agent' | 'bare', readonly PushSample[]>, count: number): Figure[] {
  const ratio = (field: keyof PushSample): number[] =>
    samples.agent.map((sample, i) => sample[field] / (samples.bare[i]?.[field] ?? NaN));
  const median = (side: 'agent' | 'bare', field: keyof PushSample, digits = 0): string =>
    spreadOf(samples[side].map((sample) => sample[field])).median.toFixed(digits);
  return [
    {
      name: `update to ${count} streams, first to last`,
      ratios: ratio('wallMs'),
      target: { is: 'at most', value: 1.5 },
      absolute: { agent: `${median('agent', 'wallMs')} ms`, bare: `${median('bare', 'wallMs')} ms` },
    },
    {
      name: `update to ${count} streams, CPU`,
      ratios: ratio('cpuSeconds'),
      absolute: { agent: `${median('agent', 'cpuSeconds', 3)} s`, bare: `${median('bare', 'cpuSeconds', 3)} s` },
    },
    {
      name: "another caller's fetch meanwhile, p50 of 5 ms",
      ratios: samples.agent.map(({ others: ms }) => ms / 5),
      target: { is: 'at most', value: 1 },
      absolute: { agent: `${median('agent', 'others', 2)} ms`, bare: `${median('bare', 'others', 2)} ms` },
    },
  ];
}

function peakFigure(peakKib: Record<'agent' | 'bare', number>): Figure {
  const mib = (kib: number): string => `${(kib / 1024).toFixed(0)} MiB`;
  return {
    name: 'peak memory with all streams, after the updates',
    ratios: [peakKib.agent / peakKib.bare],
    absolute: { agent: mib(peakKib.agent), bare: mib(peakKib.bare) },
  };
}

export const pushRow: Row = {
  id: 'B6',
  work: 'one update of the bundle to all open streams',
  anchor: 'bare node:http2 writing the same bytes to as many streams',
  measure,
};
