import type { RowResult } from './report/page.js';
import { printFigure, printUsages } from './report/terminal.js';
import { profiled } from './rig/own-profile.js';
import { takeUsages } from './rig/program.js';
import type { Effort, Figure, Row } from './row.js';

/** Measures rows one after the other and writes each to `write` as soon as it is there. */
export async function measureRows(
  rows: readonly Row[],
  effortOf: (row: Row) => Effort,
  write: (text: string) => void,
): Promise<RowResult[]> {
  const results: RowResult[] = [];
  for (const row of rows) {
    write(`${row.id}  ${row.work}\n    against ${row.anchor}\n`);
    const startedAt = performance.now();
    const effort = effortOf(row);
    const { profiling } = effort;
    const measure = (): Promise<readonly Figure[]> => row.measure(effort);
    let figures: readonly Figure[] = [];
    let failure: string | undefined;
    try {
      figures = await (profiling === undefined ? measure() : profiled(`bench-${row.id}`, profiling, measure));
    } catch (error) {
      failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
      write(`  FAILED: ${failure}\n`);
    }
    const programs = takeUsages();
    for (const figure of figures) write(printFigure(figure));
    write(printUsages(programs));
    write(`  took ${((performance.now() - startedAt) / 1000).toFixed(0)} s\n`);
    const { id, work, anchor } = row;
    results.push({ id, work, anchor, figures, programs, ...(failure !== undefined && { failure }) });
  }
  return results;
}
