import { runNode } from './run-node.mjs';

/** The steps of `npm test` after compiling: name and what Node runs. */
const steps = (avaArguments) => [
  ['format', ['node_modules/prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.']],
  ['lint', ['node_modules/eslint/bin/eslint.js', '.', '--max-warnings', '0']],
  ['tests', ['node_modules/ava/entrypoints/cli.mjs', ...avaArguments]],
];

/** Runs every step, also after a failed one, and returns the exit code of the first that failed. */
export async function runSteps(avaArguments) {
  const results = [];
  for (const [name, args] of steps(avaArguments)) {
    console.log(`\n== ${name}`);
    const startedAt = performance.now();
    const code = await runNode(args);
    results.push({ name, code, seconds: (performance.now() - startedAt) / 1000 });
  }
  console.log('');
  for (const { name, code, seconds } of results) {
    console.log(`${code === 0 ? 'ok    ' : 'FAILED'}  ${name.padEnd(7)} ${seconds.toFixed(1)} s`);
  }
  return results.find(({ code }) => code !== 0)?.code ?? 0;
}
