import { readFileSync } from 'node:fs';
import test from 'ava';
import { CELLS, titleOf } from '../parts/custody/cells.js';
import { FAULTS_PAGE, faultsPage } from '../parts/custody/faults-page.js';
import { MATRIX_PAGE, rowsOf } from '../parts/custody/matrix-page.js';

const text = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');

test('the page of custodies and chains lists exactly the rows of the matrix, and each holds', (t) => {
  const page = text(MATRIX_PAGE);
  t.deepEqual(rowsOf(page), CELLS.map((cell) => titleOf(cell).join(' | ')), 'run `node build/test/parts/custody/write-matrix.js`');
  t.false(page.includes('does not hold'));
});

test('the page of faults states what its tests hold it to', (t) => {
  t.true(text(FAULTS_PAGE) === faultsPage(), 'run `node build/test/parts/custody/write-faults.js`');
});
