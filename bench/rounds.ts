import type { Effort } from './row.js';

/** Does the work about as often as `times` says; asynchronous work is awaited. */
export type Work = (times: number) => void | Promise<void>;

/** What one sample of one case measured. */
export interface Sample {
  /** Operations per second of CPU time (user and system) of this process. */
  readonly perCpuSecond: number;
  readonly perSecond: number;
}

/** Samples each case once per round, in a new random order each round, so that drift of the machine hits all alike. */
export async function interleave<Name extends string>(
  cases: Readonly<Record<Name, Work>>,
  effort: Effort,
): Promise<Record<Name, Sample[]>> {
  const names = Object.keys(cases) as Name[];
  const samples = Object.fromEntries(names.map((name) => [name, [] as Sample[]])) as Record<Name, Sample[]>;
  for (const name of names) await sample(cases[name], Math.min(200, effort.sampleMs));
  for (let round = 1; round <= effort.rounds; round++) {
    effort.progress(`round ${round} of ${effort.rounds}`);
    for (const name of shuffled(names)) samples[name].push(await sample(cases[name], effort.sampleMs));
  }
  return samples;
}

const BATCH = 32;

async function sample(work: Work, ms: number): Promise<Sample> {
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  let done = 0;
  do {
    const pending = work(BATCH);
    if (pending !== undefined) await pending;
    done += BATCH;
  } while (performance.now() - startedAt < ms);
  const seconds = (performance.now() - startedAt) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { perSecond: done / seconds, perCpuSecond: done / ((user + system) / 1e6) };
}

export function shuffled<T>(values: readonly T[]): T[] {
  const out = [...values];
  for (let i = out.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [out[i], out[j]] = [out[j] as T, out[i] as T];
  }
  return out;
}

/** Takes one sample of each case per round, in a new random order each round, after one short sample of each to warm up. */
export async function inRounds<Name extends string, Result>(
  cases: Readonly<Record<Name, (ms: number) => Promise<Result>>>,
  effort: Effort,
): Promise<Record<Name, Result[]>> {
  const names = Object.keys(cases) as Name[];
  const samples = Object.fromEntries(names.map((name) => [name, [] as Result[]])) as Record<Name, Result[]>;
  for (const name of names) await cases[name](Math.min(500, effort.sampleMs));
  for (let round = 1; round <= effort.rounds; round++) {
    for (const name of shuffled(names)) {
      effort.progress(`round ${round} of ${effort.rounds}: ${name}`);
      samples[name].push(await cases[name](effort.sampleMs));
    }
  }
  return samples;
}

/** One field of the candidate's samples over the same of the anchor's, round by round. */
export function ratiosOf<Result>(
  candidate: readonly Result[],
  anchor: readonly Result[],
  field: keyof Result,
): number[] {
  return candidate.map((sample, round) => Number(sample[field]) / Number(anchor[round]?.[field] ?? NaN));
}

/** Candidate over anchor, round by round. */
export function ratios(candidate: readonly Sample[], anchor: readonly Sample[], of: keyof Sample): number[] {
  return candidate.map((sample, round) => sample[of] / (anchor[round]?.[of] ?? NaN));
}
