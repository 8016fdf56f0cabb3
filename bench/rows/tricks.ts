import { answeringTricks } from '../micro/tricks/answering.js';
import { bookkeepingTricks } from '../micro/tricks/bookkeeping.js';
import { callerTricks } from '../micro/tricks/knowing-callers.js';
import { mintingTricks } from '../micro/tricks/minting.js';
import { renewingTricks } from '../micro/tricks/renewing.js';
import type { Trick } from '../micro/tricks/trick.js';
import { interleave, ratios, type Sample } from '../rounds.js';
import { spreadOf, type Effort, type Figure, type Row } from '../row.js';

/** Every trick of a hot path that docs/decisions names. */
export const TRICKS: readonly Trick[] = [
  ...answeringTricks,
  ...callerTricks,
  ...bookkeepingTricks,
  ...renewingTricks,
  ...mintingTricks,
];

/** Milliseconds of one sample of one side: there are many sides, and each is a small loop. */
const SAMPLE_MS = { quick: 14, full: 75 };

async function measureTrick(trick: Trick, effort: Effort): Promise<Figure> {
  const sampleMs = Math.min(effort.sampleMs, effort.quick ? SAMPLE_MS.quick : SAMPLE_MS.full);
  const progress = (text: string): void => effort.progress(`${trick.name}, ${text}`);
  const { close, ...sides } = await trick.open();
  try {
    const samples = await interleave(sides, { ...effort, sampleMs, progress });
    return {
      name: trick.name,
      // Rates per CPU second, so the plain one over the trick's is the trick's cost over the plain one.
      ratios: ratios(samples.plain, samples.trick, 'perCpuSecond'),
      absolute: { us: cost(samples.trick), 'plain us': cost(samples.plain), per: trick.unit },
    };
  } finally {
    await close?.();
  }
}

/** Microseconds of CPU. */
function cost(samples: readonly Sample[]): string {
  return (1e6 / spreadOf(samples.map(({ perCpuSecond }) => perCpuSecond)).median).toFixed(2);
}

export const tricksRow: Row = {
  id: 'T1',
  work: 'the tricks of the hot paths, in process: CPU per operation',
  anchor: 'the plain way to the same result',
  measure: async (effort) => {
    const figures: Figure[] = [];
    for (const trick of TRICKS) figures.push(await measureTrick(trick, effort));
    return figures;
  },
};
