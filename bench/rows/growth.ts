import { join } from 'node:path';
import type { MintingAgent } from '../load/minting-agent.js';
import { X509_PATH } from '../load/requests.js';
import type { WorkloadLoad } from '../load/workloads.js';
import { LoadProcess } from '../rig/load-process.js';
import { leaveDomain, openDomain } from '../rig/shared-domain.js';
import type { TrustDomain } from '../rig/trust-domain.js';
import { inRounds } from '../rounds.js';
import { spreadOf, warmUpMs, type Effort, type Figure, type Row } from '../row.js';
import { sampleFetches } from './fetch.js';
import { minterOf, sampleMints } from './mint-over-wire.js';
import { bundleUpdates, sampleUpdate } from './push.js';
import { closeStage, growStage, sampleWave, startStage, WITHOUT_GATE } from './wave.js';

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
  quick ? { rounds: 1, sampleMs: 100 } : { rounds: 4, sampleMs: 1_500 };

type UpdateSample = Awaited<ReturnType<typeof sampleUpdate>>;

/** Of one size. */
const roundsOf = ({ quick }: Effort, full: number): number => (quick ? 1 : full);

/** Updates to N streams of one agent, which get more and more. */
async function pushing(domain: TrustDomain, effort: Effort): Promise<readonly Figure[]> {
  const agent = await domain.startAgent();
  const load = new LoadProcess<WorkloadLoad>('load/workloads.js');
  const target = { pid: agent.program.pid, socket: agent.socket, load, push: bundleUpdates(domain) };
  const warm = { sockets: [agent.socket], path: X509_PATH, body: Buffer.alloc(0), inFlight: 8, ms: warmUpMs(effort) };
  await load.do('loop', { ...warm, connectionPer: 'call' });
  const growth: { size: number; samples: UpdateSample[] }[] = [];
  const update = async (): Promise<UpdateSample> => {
    const sample = await sampleUpdate(target);
    // Takes back what the one before has brought: another update, which is none of the samples.
    await sampleUpdate(target);
    return sample;
  };
  let open = 0;
  for (const size of sizes(effort.quick ? 50 : 625)) {
    effort.progress(`${size} streams`);
    await load.do('open', [agent.socket], size - open);
    open = size;
    // The code of an update is compiled with the first size.
    if (growth.length === 0) await update();
    const samples: UpdateSample[] = [];
    for (let round = 1; round <= roundsOf(effort, 5); round++) samples.push(await update());
    growth.push({ size, samples });
  }
  await load.do('closeAll');
  await load.stop();
  await agent.program.stop();
  const costs = (of: (sample: UpdateSample) => number) =>
    growth.map(({ size, samples }) => ({ size, cost: spreadOf(samples.map(of)).median }));
  return [
    growthFigure(
      'B6: streams updated, first to last',
      'ms',
      costs(({ wallMs }) => wallMs),
    ),
    growthFigure(
      'B6: streams updated, agent CPU',
      'ms',
      costs(({ cpuSeconds }) => cpuSeconds * 1000),
    ),
  ];
}

/** CPU of agent and server for a wave of N, as fast as it goes, on one agent whose streams get more and more. */
async function waves(domain: TrustDomain, effort: Effort): Promise<Figure> {
  const growth: { size: number; cost: number }[] = [];
  let stage = await startStage(domain, 8 * SMALLEST_WAVE.full, {
    renewalsPerSecond: WITHOUT_GATE,
    taintDelayMax: '0s',
  });
  for (const size of sizes(effort.quick ? SMALLEST_WAVE.quick : SMALLEST_WAVE.full)) {
    effort.progress(`wave of ${size}`);
    stage = await growStage(stage, size);
    if (growth.length === 0) await sampleWave(stage, 120_000);
    const costs: number[] = [];
    for (let round = 1; round <= roundsOf(effort, 3); round++) {
      const { agentCpu, serverCpu } = await sampleWave(stage, 120_000);
      costs.push(agentCpu + serverCpu);
    }
    growth.push({ size, cost: spreadOf(costs).median });
  }
  await closeStage(stage);
  return growthFigure('B8: SVIDs renewed in a wave, CPU of both sides', 's', growth);
}

const SMALLEST_WAVE = { quick: 50, full: 1_250 };

async function measure(effort: Effort): Promise<readonly Figure[]> {
  const domain = await openDomain(effort);
  try {
    return [
      await minting(domain, effort),
      await fetching(domain, effort),
      ...(await pushing(domain, effort)),
      await waves(domain, effort),
    ];
  } finally {
    await leaveDomain(domain, effort);
  }
}

export const growthRow: Row = {
  id: 'B11',
  work: 'growth of B3, B5, B6 and B8 (as fast as it goes) at N, 2N, 4N, 8N',
  anchor: 'the straight line through the size before',
  measure,
};
