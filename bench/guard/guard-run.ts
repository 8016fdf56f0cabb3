import { measureRows } from '../measure.js';
import type { Effort, Row, Spread } from '../row.js';
import { guardedMedians } from './compare.js';
import { GUARDED_FIGURES } from './guarded-figures.js';

/** Small and short, but with more rounds than `--quick`, because their median is what counts. */
const GUARD_EFFORT = { quick: true, guarded: true, rounds: 5, sampleMs: 250 };

export type Progress = Effort['progress'];

/** Measures the rows that have guarded figures, those of `ids` only when given; `failed` is told of rows that could not be measured. */
export async function measureGuarded(
  rows: readonly Row[],
  progress: Progress,
  failed: (text: string) => void,
  ids?: ReadonlySet<string>,
): Promise<Readonly<Record<string, Spread>>> {
  const guarded = rows.filter(({ id }) => GUARDED_FIGURES.some((one) => one.row === id) && (ids?.has(id) ?? true));
  const effort = { ...GUARD_EFFORT, progress };
  const silent = (): void => {};
  const results = await measureRows(guarded, () => effort, silent);
  for (const { id, failure } of results) if (failure !== undefined) failed(`${id} FAILED: ${failure}\n`);
  return guardedMedians(results, GUARDED_FIGURES);
}
