import { runNode } from './run-node.mjs';

/** What needs no running program: one after the other, beside the tests. Name and what Node runs. */
const CHECKS = [
  ['types', ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json', '--noEmit']],
  ['format', ['node_modules/prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.']],
  ['lint', ['node_modules/eslint/bin/eslint.js', '.', '--max-warnings', '0']],
];

/**
 * The steps of `npm test` once there is JavaScript: the tests, and beside them the checks; each also runs when another has failed.
 * Returns the exit code of the first that failed.
 */
export async function runSteps(avaArguments) {
  console.log('\n== tests');
  const [tests, checks] = await Promise.all([
    step('tests', ['node_modules/ava/entrypoints/cli.mjs', ...avaArguments]),
    inTurn(CHECKS),
  ]);
  for (const { name, said } of checks) console.log(`\n== ${name}\n${said}`.trimEnd());
  const results = [tests, ...checks];
  console.log('');
  for (const { name, code, seconds } of results) {
    console.log(`${code === 0 ? 'ok    ' : 'FAILED'}  ${name.padEnd(7)} ${seconds.toFixed(1)} s`);
  }
  return results.find(({ code }) => code !== 0)?.code ?? 0;
}

async function inTurn(checks) {
  const results = [];
  for (const [name, args] of checks) {
    // It is told at the end: it would stand in the middle of the tests.
    let said = '';
    results.push({ ...(await step(name, args, { hear: (text) => (said += text) })), said });
  }
  return results;
}

async function step(name, args, options) {
  const startedAt = performance.now();
  const code = await runNode(args, options);
  return { name, code, seconds: (performance.now() - startedAt) / 1000 };
}
