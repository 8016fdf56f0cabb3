import { join } from 'node:path';
import type { MintingAgent } from '../load/minting-agent.js';
import { X509_PATH } from '../load/requests.js';
import type { WorkloadLoad } from '../load/workloads.js';
import { LoadProcess } from '../rig/load-process.js';
import { TrustDomain } from '../rig/trust-domain.js';
import { inRounds } from '../rounds.js';
import { spreadOf, warmUpMs, type Effort, type Figure, type Row } from '../row.js';
import { sampleFetches } from './fetch.js';
import { minterOf, sampleMints } from './mint-over-wire.js';
import { bundleUpdates, samplePush, type PushSample } from './push.js';
import { closeStage, openStage, sampleWave, WITHOUT_GATE } from './wave.js';

const MOST_PER_DOUBLING = 1.1;

/** N, 2N, 4N, 8N. */
function sizes(smallest: number): readonly number[] {
  return [1, 2, 4, 8].map((factor) => smallest * factor);
}

/** What each size costs in all; a straight line gives 1 per doubling. */
function growthFigure(name: string, unit: string, growth: readonly { size: number; cost: number }[]): Figure {
  const costs = growth.map(({ cost }) => cost);
  return {
    name: `${name}, per doubling`,
    ratios: costs.slice(1).map((cost, i) => cost / (costs[i] ?? NaN) / 2),
    target: { is: 'at most', value: MOST_PER_DOUBLING },
    absolute: Object.fromEntries(growth.map(({ size, cost }) => [`${size}:`, `${cost.toFixed(3)} ${unit}`])),
    growth,
  };
}

/** Server CPU for N calls of 100 SVIDs, N of them in flight. */
async function minting(domain: TrustDomain, effort: Effort): Promise<Figure> {
  const load = new LoadProcess<MintingAgent>('load/minting-agent.js');
  await load.do('login', { ...domain.agentAccess(), stateDir: join(domain.dir, 'load') });
  const batch = 100;
  const counts = sizes(2);
  const cases = counts.map((inFlight) => [
    `${inFlight} calls in flight`,
    (ms: number) => sampleMints(minterOf(load), domain.server.pid, { kind: 'x509', batch, inFlight }, ms),
  ]);
  const samples = await inRounds(Object.fromEntries(cases) as Record<string, Sampler<{ perServerCpu: number }>>, {
    ...effort,
    ...paceOf(effort),
  });
  await load.stop();
  const growth = counts.map((size) => {
    const rates = (samples[`${size} calls in flight`] ?? []).map(({ perServerCpu }) => perServerCpu);
    return { size: size * batch, cost: (size * batch) / spreadOf(rates).median };
  });
  return growthFigure('B3: SVIDs minted at once, server CPU', 's', growth);
}

/** Agent CPU for N fetches, each on a connection of its own, N of them in flight. */
async function fetching(domain: TrustDomain, effort: Effort): Promise<Figure> {
  const agent = await domain.startAgent();
  const load = new LoadProcess<WorkloadLoad>('load/workloads.js');
  const target = { pid: agent.program.pid, socket: agent.socket };
  await sampleFetches(load, target, 'x509', 16, warmUpMs(effort));
  const counts = sizes(8);
  const cases = counts.map((inFlight) => [
    `${inFlight} fetches in flight`,
    (ms: number) => sampleFetches(load, target, 'x509', inFlight, ms),
  ]);
  const samples = await inRounds(Object.fromEntries(cases) as Record<string, Sampler<{ cpuUs: number }>>, {
    ...effort,
    ...paceOf(effort),
  });
  await load.stop();
  await agent.program.stop();
  const growth = counts.map((size) => {
    const each = (samples[`${size} fetches in flight`] ?? []).map(({ cpuUs }) => cpuUs);
    return { size, cost: (size * spreadOf(each).median) / 1000 };
  });
  return growthFigure('B5: fetches at once, agent CPU', 'ms', growth);
}

type Sampler<Result> = (ms: number) => Promise<Result>;

const paceOf = ({ quick }: Effort): Pick<Effort, 'rounds' | 'sampleMs'> =>
  quick ? { rounds: 2, sampleMs: 200 } : { rounds: 4, sampleMs: 1_500 };

/** Updates to N streams, all on one agent that has been updated before. */
async function updates(domain: TrustDomain, count: number, effort: Effort): Promise<PushSample[]> {
  const agent = await domain.startAgent();
  const load = new LoadProcess<WorkloadLoad>('load/workloads.js');
  const others = new LoadProcess<WorkloadLoad>('load/workloads.js');
  const warm = {
    sockets: [agent.socket],
    path: X509_PATH,
    body: Buffer.alloc(0),
    inFlight: 8,
    ms: warmUpMs(effort),
  } as const;
  await load.do('loop', { ...warm, connectionPer: 'call' });
  await load.do('open', [agent.socket], count);
  const target = { pid: agent.program.pid, socket: agent.socket, load, push: bundleUpdates(domain) };
  const samples: PushSample[] = [];
  for (let round = 0; round < (effort.quick ? 1 : 5); round++) samples.push(await samplePush(target, others));
  await load.do('closeAll');
  await Promise.all([load.stop(), others.stop()]);
  await agent.program.stop();
  return samples;
}

async function pushing(domain: TrustDomain, effort: Effort): Promise<readonly Figure[]> {
  const wall: { size: number; cost: number }[] = [];
  const cpu: { size: number; cost: number }[] = [];
  for (const size of sizes(effort.quick ? 125 : 625)) {
    effort.progress(`${size} streams`);
    const samples = await updates(domain, size, effort);
    wall.push({ size, cost: spreadOf(samples.map(({ wallMs }) => wallMs)).median });
    cpu.push({ size, cost: spreadOf(samples.map(({ cpuSeconds }) => cpuSeconds * 1000)).median });
  }
  return [
    growthFigure('B6: streams updated, first to last', 'ms', wall),
    growthFigure('B6: streams updated, agent CPU', 'ms', cpu),
  ];
}

/** CPU of agent and server for a wave of N, as fast as it goes. */
async function waves(domain: TrustDomain, effort: Effort): Promise<Figure> {
  const growth: { size: number; cost: number }[] = [];
  for (const size of sizes(effort.quick ? 250 : 1_250)) {
    effort.progress(`wave of ${size}`);
    const stage = await openStage(domain, size, { renewalsPerSecond: WITHOUT_GATE, taintDelayMax: '0s' });
    const costs: number[] = [];
    // The first one warms up.
    for (let round = 0; round <= (effort.quick ? 1 : 3); round++) {
      const { agentCpu, serverCpu } = await sampleWave(stage, 120_000);
      if (round > 0) costs.push(agentCpu + serverCpu);
    }
    await closeStage(stage);
    growth.push({ size, cost: spreadOf(costs).median });
  }
  return growthFigure('B8: SVIDs renewed in a wave, CPU of both sides', 's', growth);
}

async function measure(effort: Effort): Promise<readonly Figure[]> {
  const domain = await TrustDomain.start(effort.profiling);
  try {
    return [
      await minting(domain, effort),
      await fetching(domain, effort),
      ...(await pushing(domain, effort)),
      await waves(domain, effort),
    ];
  } finally {
    await domain.stop();
  }
}

export const growthRow: Row = {
  id: 'B11',
  work: 'growth of B3, B5, B6 and B8 (as fast as it goes) at N, 2N, 4N, 8N',
  anchor: 'the straight line through the size before',
  measure,
};
