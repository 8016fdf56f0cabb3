#!/usr/bin/env node
import { mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { INPUTS } from './bundled.mjs';
import { root } from './run-node.mjs';

/** Programs that are started often and have to serve soon; each with its compiled main file. */
const PROGRAMS = { 'spirl-agent': 'build/src/main.js' };
/** Packages that every start loads. All others stay packages of their own: loaded when they are needed, if ever. */
const BUNDLED = ['p-limit', 'pino', 'prom-client', 'yaml'];

/** Packages that are not ours speak of `require`, which modules do not have. */
const REQUIRE = `import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);`;

/**
 * Puts the compiled files of each program, and the packages of its start, together: few files are found and read faster than hundreds.
 * `folder` lies below `build/`.
 */
export async function bundle(folder) {
  const begun = new Date();
  const outdir = join(root, folder);
  rmSync(outdir, { recursive: true, force: true });
  mkdirSync(outdir, { recursive: true });
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: PROGRAMS,
    outdir,
    bundle: true,
    // What is imported on demand becomes a file of its own, and is still only loaded on demand.
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    // Back to the TypeScript sources, through what the compiler wrote.
    sourcemap: true,
    external: Object.keys(dependencies).filter((name) => !BUNDLED.includes(name)),
    banner: { js: REQUIRE },
    metafile: true,
    logLevel: 'warning',
  });
  const own = Object.keys(metafile.inputs).filter((path) => path.startsWith('build/'));
  const inputs = join(outdir, INPUTS);
  writeFileSync(inputs, own.sort().join('\n'));
  // What is compiled while this reads may not be in it.
  utimesSync(inputs, begun, begun);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await bundle('build/bundle');
