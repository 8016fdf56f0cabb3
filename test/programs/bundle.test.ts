import { execFile } from 'node:child_process';
import { mkdtempSync, mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import { projectRoot } from '../architecture/source-tree.js';

interface BundleModule {
  readonly bundle: (folder: string) => Promise<void>;
}
interface BundledModule {
  readonly bundled: (name: string, root: URL) => URL | undefined;
}

const part = (name: string): Promise<unknown> => import(pathToFileURL(join(projectRoot, 'src/bin', name)).href);
const run = promisify(execFile);

/** Beside the one that is used: no test writes that. */
const FOLDER = 'build/bundle-under-test';

test.serial('the agent in one file starts, and loads only what its start needs', async (t) => {
  const { bundle } = (await part('bundle.mjs')) as BundleModule;
  await bundle(FOLDER);
  const program = join(projectRoot, FOLDER, 'spirl-agent.js');
  const { stdout } = await run(process.execPath, [program, '--version']);
  const manifest = readFileSync(join(projectRoot, 'package.json'), 'utf8');
  t.is(stdout.trim(), (JSON.parse(manifest) as { version: string }).version);

  const source = readFileSync(program, 'utf8');
  const packages = [...source.matchAll(/^(?:import .*|\} )from ["']([^"'.][^"']*)["'];$/gm)].map(
    ([, name = '']) => name,
  );
  t.deepEqual(
    [...new Set(packages)].filter((name) => !isBuiltin(name)),
    ['koffi'],
  );
  t.true(readFileSync(`${program}.map`, 'utf8').includes('src/issuer-client/login.ts'));
  rmSync(join(projectRoot, FOLDER), { recursive: true });
});

/** A package with a program in one file, made `madeAt` from a file that was compiled at `compiledAt` (seconds). */
function packageWith(madeAt: number, compiledAt: number): URL {
  const root = mkdtempSync(join(tmpdir(), 'bundled-'));
  const files = { 'build/src/a.js': compiledAt, 'build/bundle/p.js': madeAt, 'build/bundle/inputs.txt': madeAt };
  for (const [path, at] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), 'build/src/a.js');
    utimesSync(join(root, path), at, at);
  }
  return pathToFileURL(`${root}/`);
}

test('the program in one file is used unless something was compiled since it was made', async (t) => {
  const { bundled } = (await part('bundled.mjs')) as BundledModule;
  const [fresh, stale] = [packageWith(2_000, 1_000), packageWith(1_000, 2_000)];
  t.is(bundled('p', fresh)?.href, new URL('build/bundle/p.js', fresh).href);
  t.is(bundled('p', stale), undefined);
  t.is(bundled('other', fresh), undefined);
  t.is(bundled('p', pathToFileURL(`${tmpdir()}/nothing-here/`)), undefined);
});
