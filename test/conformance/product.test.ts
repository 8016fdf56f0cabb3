import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { projectRoot } from '../scenario/start-dev.js';
import { renderPage } from './page.js';
import { startProduct, type Product } from './product.js';
import { runClause, suite, type ClauseResult } from './suite.js';

let product: Product;
const results: ClauseResult[] = [];
test.before(async () => {
  product = await startProduct();
});
test.after.always(() => product.stop());

for (const clause of suite) {
  // One after the other: a rotation must not disturb those who watch for quiet.
  test.serial(`${clause.clause} ${clause.shows}`, async (t) => {
    const result = await runClause(clause, product.uri, product.inputs);
    results.push(result);
    t.is(result.result, 'pass', result.detail);
  });
}

test.serial('docs/conformance.md tells what this version answers', async (t) => {
  t.is(await readFile(join(projectRoot, 'docs/conformance.md'), 'utf8'), renderPage(results));
});
