import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs, promisify } from 'node:util';
import type { OptionalInputs } from './clause.js';
import { renderPage } from './page.js';
import { startProduct, type Product } from './product.js';
import { runClause, suite, type ClauseResult } from './suite.js';

// The suite as a program: prints clause, level, result and test for each; exit 1 when something failed.

const { values } = parseArgs({
  options: {
    socket: { type: 'string' },
    product: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    page: { type: 'string' },
    'rotate-command': { type: 'string' },
    'stranger-socket': { type: 'string' },
    'bundle-document': { type: 'string' },
  },
});

async function shell(command: string): Promise<void> {
  await promisify(execFile)('sh', ['-c', command]);
}

async function subject(): Promise<Product> {
  if (values.product) return startProduct();
  const uri = values.socket ?? process.env['SPIFFE_ENDPOINT_SOCKET'];
  if (uri === undefined) throw new Error('--socket unix:///path is required');
  const command = values['rotate-command'];
  const document = values['bundle-document'];
  const strangerUri = values['stranger-socket'];
  const inputs: OptionalInputs = {
    ...(command === undefined ? {} : { rotate: () => shell(command) }),
    ...(document === undefined ? {} : { bundleDocument: await readFile(document, 'utf8') }),
    ...(strangerUri === undefined ? {} : { strangerUri }),
  };
  return { uri, inputs, stop: () => Promise.resolve() };
}

const { uri, inputs, stop } = await subject();
const results: ClauseResult[] = [];
try {
  for (const test of suite) {
    const result = await runClause(test, uri, inputs);
    results.push(result);
    if (values.json) continue;
    const { clause, level, shows, detail } = result;
    console.log(
      `${clause.padEnd(5)} ${level.padEnd(6)} ${result.result.padEnd(7)} ${shows}${detail && `\n      ${detail}`}`,
    );
  }
} finally {
  await stop();
}
const count = (wanted: ClauseResult['result']): number => results.filter(({ result }) => result === wanted).length;
const summary = { passed: count('pass'), failed: count('fail'), notRun: count('not run') };
if (values.json) console.log(JSON.stringify({ ...summary, results }));
else console.log(`\n${summary.passed} passed, ${summary.failed} failed, ${summary.notRun} not run`);
if (values.page !== undefined) await writeFile(values.page, renderPage(results));
process.exitCode = summary.failed === 0 ? 0 : 1;
