import { availableParallelism } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { systemClock } from '../../src/runtime/clock.js';
import { silentLogger } from '../../src/runtime/logger.js';
import { MINT_LIMITS, workersFor } from '../../server-stub/src/signer/mint-limits.js';
import { MintWorkers } from '../../server-stub/src/signer/mint-workers.js';
import type { X509Signer } from '../../server-stub/src/signer/x509-signer.js';
import { machineCpuSeconds } from '../rig/usage.js';
import { ratiosOf, shuffled } from '../rounds.js';
import { spreadOf, type Effort, type Figure, type Row } from '../row.js';
import type { BareMinter } from '../load/bare-minter.js';
import { LoadProcess } from '../rig/load-process.js';
import { createMint, createSigner, keyInMemory, MINT_REQUEST, mintOnOneCore } from './mint.js';

const NEVER = { isGone: false, signal: new AbortController().signal };
const CORES = 2;
/** Of the event loop, milliseconds. */
const TARGET_DELAY_MS = 5;
/** A sample in which other programs used more than this of a core is taken again, a few times. */
const FOREIGN_CORES = 0.15;
const TRIES = { quick: 1, full: 4 };
const START_MS = 20_000;
/** The machine's account counts in hundredths of a second. */
const LEAST_SAMPLE_MS = { quick: 300, full: 600 };

interface Sample {
  /** Per second of the cores that other programs left, times the cores: the rate by the clock when they left all. */
  readonly perSecond: number;
  /** Per CPU second of those that mint: the rate by the clock of a loop on one core that nobody disturbs. */
  readonly perCpuSecond: number;
  /** 99th percentile of the event loop's delay. */
  readonly delayMs: number;
  /** Cores that other programs used meanwhile. */
  readonly foreignCores: number;
}

interface Samples {
  /** B1's loop on one core. */
  readonly one: Sample[];
  /** Main thread and worker. */
  readonly all: Sample[];
  /** B1's loop in two processes: what the machine itself gives. */
  readonly two: Sample[];
}

/** The SVIDs that were minted, and the CPU seconds of another process that minted some of them. */
interface Work {
  readonly svids: number;
  readonly cpuElsewhere: number;
}

async function sampleOf(work: () => Promise<Work>): Promise<Sample> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const [machineBefore, ownBefore, startedAt] = [machineCpuSeconds(), process.cpuUsage(), performance.now()];
  delay.enable();
  const { svids, cpuElsewhere } = await work();
  delay.disable();
  const seconds = (performance.now() - startedAt) / 1000;
  const { user, system } = process.cpuUsage(ownBefore);
  const ownSeconds = (user + system) / 1e6 + cpuElsewhere;
  const foreignCores = Math.max(0, machineCpuSeconds() - machineBefore - ownSeconds) / seconds;
  const coresLeft = Math.min(CORES, availableParallelism() - foreignCores);
  return {
    perSecond: (svids / seconds / coresLeft) * CORES,
    perCpuSecond: svids / ownSeconds,
    delayMs: delay.percentile(99) / 1e6,
    foreignCores,
  };
}

/** A closed loop that keeps all threads busy. */
async function mintOnAll(minter: MintWorkers, signer: X509Signer, ms: number): Promise<Work> {
  let svids = 0;
  const end = performance.now() + ms;
  const loop = async (): Promise<void> => {
    for (; performance.now() < end; svids++) await minter.mint(signer, MINT_REQUEST, systemClock.now(), NEVER);
  };
  await Promise.all(Array.from({ length: 2 * minter.places }, loop));
  return { svids, cpuElsewhere: 0 };
}

/** B1's loop here and in another process at once: what the machine itself gives. */
async function mintInTwo(mint: (times: number) => void, other: LoadProcess<BareMinter>, ms: number): Promise<Work> {
  const [here, there] = await Promise.all([mintOnOneCore(mint, ms), other.do('mint', ms)]);
  return { svids: here + there.svids, cpuElsewhere: there.cpuSeconds };
}

/** Mints in the main thread until that has made the worker start. */
async function untilStarted(minter: MintWorkers, signer: X509Signer): Promise<void> {
  for (const end = performance.now() + START_MS; minter.places <= MINT_LIMITS.slice;) {
    if (performance.now() > end) throw new Error('no mint worker has started');
    for (let i = 0; i < MINT_LIMITS.slice; i++) await minter.mint(signer, MINT_REQUEST, systemClock.now(), NEVER);
    // Threads and timers are heard between turns of the event loop only.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** As `sampleOf`, again while other programs disturb it; the least disturbed try counts. */
async function undisturbed(work: () => Promise<Work>, most: number): Promise<Sample> {
  let best = await sampleOf(work);
  for (let tries = 1; tries < most && best.foreignCores > FOREIGN_CORES; tries++) {
    const again = await sampleOf(work);
    if (again.foreignCores < best.foreignCores) best = again;
  }
  return best;
}

async function measure(effort: Effort): Promise<readonly Figure[]> {
  const signer = await createSigner(keyInMemory().key);
  const mint = createMint(signer);
  const stop = new AbortController();
  const minter = new MintWorkers({
    ...{ clock: systemClock, logger: silentLogger, workers: workersFor(CORES), crowd: () => MINT_LIMITS.leastBatch },
    metrics: { mintWorkerFailed: () => effort.progress('a mint worker failed') },
  });
  const running = minter.run(stop.signal);
  const other = new LoadProcess<BareMinter>('load/bare-minter.js');
  const how = effort.quick ? 'quick' : 'full';
  const [ms, tries] = [Math.max(LEAST_SAMPLE_MS[how], effort.sampleMs), TRIES[how]];
  try {
    await untilStarted(minter, signer);
    await mintOnAll(minter, signer, ms);
    await mintInTwo(mint, other, ms);
    const samples: Samples = { one: [], all: [], two: [] };
    const onOne = async (): Promise<Work> => ({ svids: await mintOnOneCore(mint, ms), cpuElsewhere: 0 });
    const cases = [
      async () => samples.one.push(await undisturbed(onOne, tries)),
      async () => samples.all.push(await undisturbed(() => mintOnAll(minter, signer, ms), tries)),
      async () => samples.two.push(await undisturbed(() => mintInTwo(mint, other, ms), tries)),
    ];
    for (let round = 1; round <= effort.rounds; round++) {
      effort.progress(`round ${round} of ${effort.rounds}`);
      for (const take of shuffled(cases)) await take();
    }
    return figuresOf(samples);
  } finally {
    stop.abort();
    await running;
    await other.stop();
  }
}

/** By the clock on all cores, of what one core that nobody disturbs makes in a second. */
function ofOneCore(samples: readonly Sample[], one: readonly Sample[]): number[] {
  return samples.map(({ perSecond }, round) => perSecond / (one[round]?.perCpuSecond ?? NaN));
}

function figuresOf({ one, all, two }: Samples): readonly Figure[] {
  const median = (samples: readonly Sample[], field: keyof Sample): number =>
    spreadOf(samples.map((sample) => sample[field])).median;
  // Whoever takes the core from the main thread delays its event loop too; only rounds without such tell what minting does to it.
  const quiet = all.filter(({ foreignCores }) => foreignCores <= FOREIGN_CORES);
  const heard = quiet.length > 0 ? quiet : all;
  return [
    {
      name: `X.509-SVIDs per second on ${CORES} cores, of one`,
      ratios: ofOneCore(all, one),
      target: { is: 'at least', value: 1.8 },
      absolute: {
        'per second': median(all, 'perSecond').toFixed(0),
        'on one core': median(one, 'perCpuSecond').toFixed(0),
        'cores that others used': median(all, 'foreignCores').toFixed(2),
      },
    },
    {
      name: `the same of ${CORES} processes that share nothing`,
      ratios: ofOneCore(two, one),
      absolute: { 'per second': median(two, 'perSecond').toFixed(0) },
    },
    {
      name: 'SVIDs per CPU second, of one core',
      ratios: ratiosOf(all, one, 'perCpuSecond'),
      absolute: { us: (1e6 / median(all, 'perCpuSecond')).toFixed(1) },
    },
    {
      name: `event loop of the main thread, p99, of ${TARGET_DELAY_MS} ms`,
      ratios: heard.map(({ delayMs }) => delayMs / TARGET_DELAY_MS),
      target: { is: 'at most', value: 1 },
      absolute: {
        ms: median(heard, 'delayMs').toFixed(2),
        'on one core': median(one, 'delayMs').toFixed(2),
        'undisturbed rounds': `${quiet.length} of ${all.length}`,
      },
    },
  ];
}

export const mintWorkersRow: Row = {
  id: 'B2',
  work: `X.509-SVIDs minted through workers, ${CORES} cores: the main thread and ${workersFor(CORES)} worker`,
  anchor: 'B1 on one core in the same round',
  measure,
};
