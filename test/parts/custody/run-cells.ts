import { availableParallelism } from 'node:os';
import pLimit from 'p-limit';
import { runCell } from './cell.js';
import { CELLS, type Cell } from './cells.js';
import type { Lab } from './lab.js';
import type { CellOutcome } from './matrix-page.js';

/** At least two: a cell mostly waits. */
const AT_ONCE = Math.min(4, Math.max(2, availableParallelism()));

/** Begins every cell, a few at a time; each is what came of it and never rejects. */
export function beginCells(lab: () => Promise<Lab>): ReadonlyMap<Cell, Promise<CellOutcome>> {
  const limit = pLimit(AT_ONCE);
  return new Map(CELLS.map((cell) => [cell, limit(async () => outcomeOf(cell, await lab()))]));
}

async function outcomeOf(cell: Cell, lab: Lab): Promise<CellOutcome> {
  try {
    return await runCell(cell, lab);
  } catch (error) {
    return { failed: error instanceof Error ? error.message : String(error) };
  }
}
