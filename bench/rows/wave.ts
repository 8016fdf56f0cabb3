import { join } from 'node:path';
import type { MintingAgent } from '../load/minting-agent.js';
import type { WorkloadLoad } from '../load/workloads.js';
import { LoadProcess } from '../rig/load-process.js';
import { Rotation } from '../rig/rotation.js';
import { eventLoopP99Ms } from '../rig/scrape.js';
import { leaveDomain, openDomain } from '../rig/shared-domain.js';
import type { Agent, TrustDomain } from '../rig/trust-domain.js';
import { cpuSeconds, memoryKib } from '../rig/usage.js';
import { spreadOf, type Effort, type Figure, type Row } from '../row.js';
import { minterOf, sampleMints } from './mint-over-wire.js';

/** A wave of taint renewals over all SVIDs of one agent. */
export interface WaveSample {
  readonly svids: number;
  /** From the call that taints to the last new SVID at its workload. */
  readonly seconds: number;
  readonly agentCpu: number;
  readonly serverCpu: number;
  /** 99th percentile of the agent's event loop delay over the wave, milliseconds. */
  readonly loopP99: number;
  readonly agentMib: number;
}

/** An agent with its streams, each of which has an SVID of its own. */
export interface WaveStage {
  readonly domain: TrustDomain;
  readonly agent: Agent;
  readonly load: LoadProcess<WorkloadLoad>;
  readonly svids: number;
}

/** Streams on one connection, below the agent's limit. */
const STREAMS_PER_CONNECTION = 50;
/** No gate to speak of: what limits the wave then is the knee. */
export const WITHOUT_GATE = 100_000;

interface Lab {
  readonly renewalsPerSecond?: number;
  readonly taintDelayMax?: string;
}

/** An agent with `svids` cached X.509-SVIDs, one for each of as many streams. */
export async function openStage(domain: TrustDomain, svids: number, lab: Lab): Promise<WaveStage> {
  return growStage(await startStage(domain, svids, lab), svids);
}

/** An agent that will have `most` SVIDs, and none yet. */
export async function startStage(domain: TrustDomain, most: number, lab: Lab): Promise<WaveStage> {
  const agent = await domain.startAgent({ cacheSize: most + 1_000, sharing: 'connection', ...lab });
  return { domain, agent, load: new LoadProcess<WorkloadLoad>('load/workloads.js'), svids: 0 };
}

/** The same with more streams. */
export async function growStage(stage: WaveStage, svids: number): Promise<WaveStage> {
  await stage.load.do('open', [stage.agent.socket], svids - stage.svids, STREAMS_PER_CONNECTION);
  return { ...stage, svids };
}

export async function closeStage({ agent, load }: WaveStage): Promise<void> {
  await load.do('closeAll');
  await load.stop();
  await agent.program.stop();
}

/** One taint: prepare, activate, then the wave, then remove. */
export async function sampleWave(stage: WaveStage, limitMs: number): Promise<WaveSample> {
  const { domain, agent, load, svids } = stage;
  const rotation = new Rotation(domain);
  await load.do('forget');
  await rotation.replaceActive();
  await load.do('arrived', 1);
  await load.do('markSvids');
  await eventLoopP99Ms(agent.program);
  const before = { agent: cpuSeconds(agent.program.pid), server: cpuSeconds(domain.server.pid) };
  const startedAt = performance.timeOrigin + performance.now();
  const tainted = rotation.taint();
  const { lastAt, ended } = await load.do('renewed', limitMs);
  const sample = {
    svids,
    seconds: (lastAt - startedAt) / 1000,
    agentCpu: cpuSeconds(agent.program.pid) - before.agent,
    serverCpu: cpuSeconds(domain.server.pid) - before.server,
    loopP99: await eventLoopP99Ms(agent.program),
    agentMib: memoryKib(agent.program.pid).resident / 1024,
  };
  if (ended > 0) throw new Error(`${ended} streams ended in the wave`);
  await tainted;
  await rotation.remove();
  return sample;
}

const SVIDS = 10_000;
const QUICK_SVIDS = 500;
const RAISED = 500;
const RAISED_DELAY_MAX_S = 2;
const QUICK_DELAY_MAX_S = 1;
const SPECIFIED = { perSecond: 20, delayMaxS: 60 };
/** What a server's figures at the knee are compared with: B3 in batches of as many as the gate lets go at once. */
const BATCH = 50;
const MOST_LOOP_MS = 20;

async function measure(effort: Effort): Promise<readonly Figure[]> {
  const domain = await openDomain(effort);
  try {
    if (effort.fullTime === true) return await inFullTime(domain, effort);
    return [...(await atRaisedRate(domain, effort)), ...(await atTheKnee(domain, effort))];
  } finally {
    await leaveDomain(domain, effort);
  }
}

/** Once as specified: up to 60 s of waiting, then 20 a second. */
async function inFullTime(domain: TrustDomain, effort: Effort): Promise<readonly Figure[]> {
  const svids = effort.quick ? QUICK_SVIDS : SVIDS;
  const schedule = SPECIFIED.delayMaxS + svids / SPECIFIED.perSecond;
  const stage = await openStage(domain, svids, {});
  const startedAt = performance.now();
  const ticking = setInterval(() => {
    effort.progress(`${((performance.now() - startedAt) / 1000).toFixed(0)} s of at most ${schedule} s`);
  }, 1_000);
  const sample = await sampleWave(stage, (schedule + 120) * 1000).finally(() => clearInterval(ticking));
  await closeStage(stage);
  return scheduleFigures('as specified, 60 s and 20/s', [sample], schedule);
}

async function atRaisedRate(domain: TrustDomain, effort: Effort): Promise<readonly Figure[]> {
  const svids = effort.quick ? QUICK_SVIDS : SVIDS;
  const delayMaxS = effort.quick ? QUICK_DELAY_MAX_S : RAISED_DELAY_MAX_S;
  const lab = { renewalsPerSecond: RAISED, taintDelayMax: `${delayMaxS}s` };
  const schedule = delayMaxS + svids / RAISED;
  effort.progress(`opening ${svids} streams`);
  const stage = await openStage(domain, svids, lab);
  const samples: WaveSample[] = [];
  for (let round = 1; round <= (effort.quick ? 1 : 2); round++) {
    effort.progress(`wave ${round} at ${RAISED}/s, ${schedule} s`);
    samples.push(await sampleWave(stage, 120_000));
  }
  await closeStage(stage);
  return scheduleFigures(`raised to ${RAISED}/s`, samples, schedule);
}

/** How close to the schedule it has to end: the call that taints, and the last answer, are no part of the schedule. */
const ON_SCHEDULE = 1.02;

function scheduleFigures(how: string, samples: readonly WaveSample[], schedule: number): Figure[] {
  const median = (field: keyof WaveSample): number => spreadOf(samples.map((sample) => sample[field])).median;
  return [
    {
      name: `wave of ${median('svids')}, ${how}: to the last SVID`,
      ratios: samples.map(({ seconds }) => seconds / schedule),
      target: { is: 'at most', value: ON_SCHEDULE },
      absolute: {
        wave: `${median('seconds').toFixed(1)} s of ${schedule} s`,
        'agent CPU': `${median('agentCpu').toFixed(2)} s`,
        'server CPU': `${median('serverCpu').toFixed(2)} s`,
        agent: `${median('agentMib').toFixed(0)} MiB`,
      },
    },
    {
      name: `wave ${how}: event loop p99, of ${MOST_LOOP_MS} ms`,
      ratios: samples.map(({ loopP99 }) => loopP99 / MOST_LOOP_MS),
      target: { is: 'at most', value: 1 },
      absolute: { p99: `${median('loopP99').toFixed(1)} ms` },
    },
  ];
}

async function atTheKnee(domain: TrustDomain, effort: Effort): Promise<readonly Figure[]> {
  const svids = effort.quick ? QUICK_SVIDS : SVIDS;
  const minting = new LoadProcess<MintingAgent>('load/minting-agent.js');
  await minting.do('login', { ...domain.agentAccess(), stateDir: join(domain.dir, 'load') });
  const stage = await openStage(domain, svids, { renewalsPerSecond: WITHOUT_GATE, taintDelayMax: '0s' });
  const waves: WaveSample[] = [];
  const mints: number[] = [];
  for (let round = 1; round <= (effort.quick ? 2 : 4); round++) {
    effort.progress(`wave ${round} without a gate`);
    waves.push(await sampleWave(stage, 120_000));
    const kind = { kind: 'x509', batch: BATCH } as const;
    mints.push((await sampleMints(minterOf(minting), domain.server.pid, kind, effort.sampleMs * 2)).perServerCpu);
  }
  await closeStage(stage);
  await minting.stop();
  const median = (of: (sample: WaveSample) => number): number => spreadOf(waves.map(of)).median;
  return [
    {
      name: `SVIDs per server CPU second at the knee, of B3 in batches of ${BATCH}`,
      ratios: waves.map(({ serverCpu }, i) => svids / serverCpu / (mints[i] ?? NaN)),
      target: { is: 'at least', value: 0.9 },
      absolute: {
        knee: `${median(({ seconds }) => svids / seconds).toFixed(0)} SVIDs/s`,
        'per server CPU second': median(({ serverCpu }) => svids / serverCpu).toFixed(0),
        'per agent CPU second': median(({ agentCpu }) => svids / agentCpu).toFixed(0),
        'event loop p99': `${median(({ loopP99 }) => loopP99).toFixed(0)} ms`,
      },
    },
  ];
}

export const waveRow: Row = {
  id: 'B8',
  work: 'taint wave over the cached SVIDs of one agent, each with its own stream',
  anchor: 'the schedule (longest wait + N / rate); B3',
  measure,
};
