import test from 'ava';
import type { CellOutcome } from './matrix-page.js';
import { CELLS, titleOf, type Cell } from './cells.js';
import { startLab, type Lab } from './lab.js';
import { matrixRow } from './matrix-page.js';
import { beginCells } from './run-cells.js';

// Every custody and every upstream, each with its real service: see docs/custody-matrix.md for what each row goes through.

let starting: Promise<Lab> | undefined;
let cells: ReadonlyMap<Cell, Promise<CellOutcome>>;
test.before(async () => {
  starting = startLab();
  const lab = await starting;
  cells = beginCells(() => Promise.resolve(lab));
});
test.after.always(async () => (await starting)?.stop());

const rows: string[] = [];
for (const cell of CELLS) {
  test.serial(`${titleOf(cell).join(', ')}: start, runbook, kill -9, outages`, async (t) => {
    t.timeout(300_000);
    const outcome = (await cells.get(cell)) ?? { failed: 'not run' };
    rows.push(matrixRow(cell, outcome));
    if ('failed' in outcome) return t.fail(outcome.failed);
    t.log(`${Math.round(outcome.seconds)} s`);
    t.pass();
  });
}

test.serial('nothing that was printed holds a private key, a PIN, a token or a cloud secret', async (t) => {
  const lab = await starting;
  const looked = lab?.secrets.check() ?? 0;
  t.true(looked > 10_000, `${looked} characters`);
  t.log(`${looked} characters`);
  t.log(`\n${rows.join('\n')}`);
});
