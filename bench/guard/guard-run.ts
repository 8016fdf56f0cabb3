import { measureRows } from '../measure.js';
import type { Effort, Row, Spread } from '../row.js';
import { guardedMedians } from './compare.js';
import { GUARDED_FIGURES } from './guarded-figures.js';

/** Small and short, but with more rounds than `--quick`, because their median is what counts. */
const GUARD_EFFORT = { quick: true, guarded: true, rounds: 5, sampleMs: 250 };

export type Progress = Effort['progress'];

/** Measures the rows that have guarded figures, those of `ids` only when given. */
export async function measureGuarded(
  rows: readonly Row[],
  progress: Progress,
  ids?: ReadonlySet<string>,
): Promise<Readonly<Record<string, Spread>>> {
  const guarded = rows.filter(({ id }) => GUARDED_FIGURES.some((one) => one.row === id) && (ids?.has(id) ?? true));
  const effort = { ...GUARD_EFFORT, progress };
  const silent = (): void => {};
  const results = await measureRows(guarded, () => effort, silent);
  return guardedMedians(results, GUARDED_FIGURES);
}
