import test from 'ava';
import { compare, guardedMedians, missingRows, verdictLine, type GuardBaseline } from '../../bench/guard/compare.js';
import { GUARDED_FIGURES, type GuardedFigure } from '../../bench/guard/guarded-figures.js';
import type { RowResult } from '../../bench/report/page.js';
import { ROWS } from '../../bench/rows.js';

const RATE: GuardedFigure = { row: 'B1', figure: 'rate', better: 'greater', tolerance: 0.3 };
const COST: GuardedFigure = { row: 'B5', figure: 'cost', better: 'smaller', tolerance: 0.5 };
const GUARDED = [RATE, COST];
const even = (median: number) => ({ median, min: median, max: median });
const BASELINE: GuardBaseline = {
  about: 'a quiet day',
  rows: ['B1', 'B5'],
  figures: { 'B1 rate': even(0.8), 'B5 cost': even(2) },
};

function results(rate: readonly number[] | undefined, cost: readonly number[]): RowResult[] {
  const row = (id: string, name: string, ratios: readonly number[]): RowResult => {
    return { id, work: '', anchor: '', figures: [{ name, ratios, absolute: {} }] };
  };
  return [...(rate === undefined ? [] : [row('B1', 'rate', rate)]), row('B5', 'cost', cost)];
}

function holds(rate: readonly number[] | undefined, cost: readonly number[]): readonly boolean[] {
  return compare(guardedMedians(results(rate, cost), GUARDED), BASELINE, GUARDED).map((verdict) => verdict.holds);
}

const cases: {
  name: string;
  rate: readonly number[] | undefined;
  cost: readonly number[];
  want: readonly boolean[];
}[] = [
  { name: 'as in the baseline', rate: [0.8], cost: [2], want: [true, true] },
  { name: 'a little worse than the baseline', rate: [0.63], cost: [2.9], want: [true, true] },
  { name: 'better than the baseline, however much', rate: [8], cost: [0.2], want: [true, true] },
  { name: 'a rate that fell by more than its tolerance', rate: [0.6], cost: [2], want: [false, true] },
  { name: 'a cost that rose by more than its tolerance', rate: [0.8], cost: [3.1], want: [true, false] },
  { name: 'one bad round of three, as the median counts', rate: [0.8, 0.1, 0.8], cost: [2], want: [true, true] },
  { name: 'a row that is missing', rate: undefined, cost: [2], want: [false, true] },
  { name: 'a figure without rounds', rate: [], cost: [2], want: [false, true] },
  { name: 'a figure that is no number', rate: [NaN], cost: [2], want: [false, true] },
];
for (const { name, rate, cost, want } of cases) {
  const verdict = want.every(Boolean) ? 'holds' : 'does not hold';
  test(`the regression guard: ${name} ${verdict}`, (t) => t.deepEqual(holds(rate, cost), want));
}

test('the regression guard: a figure that the baseline lacks does not hold', (t) => {
  const verdicts = compare({ 'B1 rate': even(1) }, { ...BASELINE, figures: {} }, [RATE]);
  t.deepEqual(
    verdicts.map((verdict) => verdict.holds),
    [false],
  );
});

test('the regression guard: a row that left the table is named', (t) => {
  t.deepEqual(missingRows(BASELINE, [{ id: 'B5' }]), ['B1']);
  t.deepEqual(missingRows(BASELINE, [{ id: 'B1' }, { id: 'B5' }, { id: 'B6' }]), []);
});

test('a verdict shows both ratios and how much worse it is', (t) => {
  const [rate] = compare(guardedMedians(results([0.5], [2]), GUARDED), BASELINE, GUARDED);
  t.regex(verdictLine(rate as never), /✘ B1 rate .*0\.800 -> 0\.500 .*60 % worse .*at most 30 %/);
});

test('each guarded figure belongs to a row of the table', (t) => {
  const ids = new Set(ROWS.map(({ id }) => id));
  t.deepEqual(
    GUARDED_FIGURES.filter(({ row }) => !ids.has(row)),
    [],
  );
});
