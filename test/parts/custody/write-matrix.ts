import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../architecture/source-tree.js';
import type { Cell } from './cells.js';
import { startLab } from './lab.js';
import { MATRIX_PAGE, matrixPage, matrixRow, type CellOutcome } from './matrix-page.js';
import { beginCells } from './run-cells.js';

// Runs the whole matrix and writes its page. Exit 1: a row does not hold.

const lab = await startLab();
const outcomes = new Map<Cell, CellOutcome>();
for (const [cell, ending] of beginCells(() => Promise.resolve(lab))) {
  const outcome = await ending;
  outcomes.set(cell, outcome);
  console.log(matrixRow(cell, outcome), 'failed' in outcome ? '' : `${Math.round(outcome.seconds)} s`);
}
console.log(`${lab.secrets.check()} characters were printed, no secret among them`);
await lab.stop();
writeFileSync(join(projectRoot, MATRIX_PAGE), matrixPage(outcomes));
if ([...outcomes.values()].some((outcome) => 'failed' in outcome)) process.exitCode = 1;
