import type { RowResult } from '../report/page.js';
import { spreadOf, type Spread } from '../row.js';
import type { GuardedFigure } from './guarded-figures.js';

/** What the guard compares with: the median ratio of each guarded figure, and the rows that there were. */
export interface GuardBaseline {
  readonly about: string;
  readonly rows: readonly string[];
  /** By `keyOf`. */
  readonly figures: Readonly<Record<string, Spread>>;
}

/** One comparison. */
export interface Verdict {
  readonly key: string;
  readonly baseline: number;
  /** Median now; `undefined` when it was not measured. */
  readonly now: number | undefined;
  /** How much worse than the baseline: 0.1 is ten percent, below 0 better; `undefined` when one of the two is missing. */
  readonly worseBy: number | undefined;
  readonly tolerance: number;
  readonly holds: boolean;
}

export function keyOf({ row, figure }: Pick<GuardedFigure, 'row' | 'figure'>): string {
  return `${row} ${figure}`;
}

/** The medians of the guarded figures that were measured. */
export function guardedMedians(
  results: readonly RowResult[],
  guarded: readonly GuardedFigure[],
): Readonly<Record<string, Spread>> {
  const medians: Record<string, Spread> = {};
  for (const one of guarded) {
    const row = results.find(({ id }) => id === one.row);
    const figure = row?.figures.find(({ name }) => name === one.figure);
    if (figure !== undefined && figure.ratios.length > 0) medians[keyOf(one)] = spreadOf(figure.ratios);
  }
  return medians;
}

/** Judges each guarded figure; one that is missing, now or in the baseline, does not hold. */
export function compare(
  now: Readonly<Record<string, Spread>>,
  baseline: GuardBaseline,
  guarded: readonly GuardedFigure[],
): readonly Verdict[] {
  return guarded.map((one): Verdict => {
    const key = keyOf(one);
    const [before, after] = [baseline.figures[key]?.median ?? NaN, now[key]?.median];
    const fields = { key, baseline: before, now: after, tolerance: one.tolerance };
    if (after === undefined || !Number.isFinite(after) || !Number.isFinite(before)) {
      return { ...fields, worseBy: undefined, holds: false };
    }
    const worseBy = one.better === 'greater' ? before / after - 1 : after / before - 1;
    return { ...fields, worseBy, holds: worseBy <= one.tolerance };
  });
}

/** Rows of the baseline that are measured no more. */
export function missingRows(baseline: GuardBaseline, rows: readonly { readonly id: string }[]): readonly string[] {
  return baseline.rows.filter((id) => !rows.some((row) => row.id === id));
}

/** One line per figure, with its newline. */
export function verdictLine({ key, baseline, now, worseBy, tolerance, holds }: Verdict): string {
  const change = worseBy === undefined ? 'not measured' : `${(worseBy * 100).toFixed(0)} % worse`;
  const figures = `${baseline.toFixed(3)} -> ${now?.toFixed(3) ?? 'nothing'}`;
  return `  ${holds ? '✔' : '✘'} ${key.padEnd(72)} ${figures.padEnd(20)} ${change.padEnd(14)} at most ${(tolerance * 100).toFixed(0)} %\n`;
}
