import { runNode } from './run-node.mjs';

/**
 * What `npm test` does once there is JavaScript: runs the tests, and beside them checks the types, which compiling in a hurry left
 * out. Each runs to its end, whatever becomes of the other. Returns the exit code of the first that failed.
 */
export async function runSteps(avaArguments) {
  // What the compiler says is told at the end: it would stand in the middle of the tests.
  let said = '';
  const results = await Promise.all([
    step('tests', ['node_modules/ava/entrypoints/cli.mjs', ...avaArguments]),
    step('types', ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json', '--noEmit'], {
      hear: (text) => (said += text),
    }),
  ]);
  console.log(`\n${said}`);
  for (const { name, code, seconds } of results) {
    console.log(`${code === 0 ? 'ok    ' : 'FAILED'}  ${name}  ${seconds.toFixed(1)} s`);
  }
  return results.find(({ code }) => code !== 0)?.code ?? 0;
}

async function step(name, args, options) {
  const startedAt = performance.now();
  const code = await runNode(args, options);
  return { name, code, seconds: (performance.now() - startedAt) / 1000 };
}
