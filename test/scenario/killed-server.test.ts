import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { run, runNode } from './start-dev.js';

// kill -9 of a real server at every step on disk of every mutation: the test counts the steps, it does not sample them.

const MORTAL = fileURLToPath(new URL('./mortal-server.js', import.meta.url));
const WHERE = ['--trust-domain', 'example.org', '--deployment-name', 'default'];

interface Stage {
  readonly dir: string;
  readonly cluster: { id: string; version: string };
}

type States = Readonly<Record<string, string>>;

async function writeConfig(dir: string): Promise<string> {
  const file = join(dir, 'server.yaml');
  const config = {
    trustDomainDeployment: { trustDomainName: 'example.org', name: 'default' },
    stateDir: join(dir, 'server'),
    adminSocket: join(dir, 'admin.sock'),
    agentEndpoint: { port: 0 },
    metricsAPI: { port: 0 },
  };
  await writeFile(file, JSON.stringify(config));
  return file;
}

async function startServer(dir: string, mode: string): Promise<{ child: ChildProcess; port: number }> {
  const child = fork(MORTAL, [await writeConfig(dir), mode], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const port = await new Promise<number>((resolve, reject) => {
    child.on('message', (message: { serving?: { agentPort: number } }) => {
      if (message.serving) resolve(message.serving.agentPort);
    });
    child.once('exit', (code) => reject(new Error(`the server ended with ${String(code)}`)));
  });
  return { child, port };
}

async function stopServer(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

const ctl = (dir: string, ...args: string[]) =>
  runNode(['server-stub/bin/spirlctl.mjs', ...args], { SPIRL_SERVER: join(dir, 'admin.sock') });
const keyset = (dir: string, ...args: string[]) => ctl(dir, 'trust-domain', 'deployment', 'keyset', ...args, ...WHERE);

async function states(dir: string): Promise<States> {
  const { code, stdout, stderr } = await keyset(dir, 'list', '-o', 'json');
  if (code !== 0) throw new Error(stderr);
  const { signingKeys } = JSON.parse(stdout) as { signingKeys: { keyId: string; state: string }[] };
  return Object.fromEntries(signingKeys.map(({ keyId, state }) => [keyId, state]));
}

const inState = (ring: States, state: string): string =>
  Object.keys(ring).find((id) => ring[id] === `STATE_${state}`) ?? '';

/** Through a fresh agent: an SVID of the restarted server verifies with the bundle file that it wrote. */
async function requireVerifiedSvid({ dir, cluster }: Stage, port: number): Promise<void> {
  const socket = join(dir, 'agent.sock');
  const config = join(dir, 'agent.yaml');
  await writeFile(
    config,
    JSON.stringify({
      agent: {
        endpoint: { endpoint: `127.0.0.1:${port}` },
        auth: {
          clusterId: cluster.id,
          clusterVersionId: cluster.version,
          keyFile: join(dir, 'cluster.key'),
          bootstrapFile: join(dir, 'server', 'bootstrap.pem'),
        },
        socketPath: socket,
        stateDir: join(dir, 'agent'),
      },
      metricsAPI: { port: 0 },
    }),
  );
  const agent = fork('src/bin/spirl-agent.mjs', ['run', '--config', config], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  try {
    const env = { SPIFFE_ENDPOINT_SOCKET: `unix://${socket}` };
    for (let tries = 1; ; tries++) {
      const { code, stderr } = await runNode(['src/bin/spirldbg.mjs', 'svid-x509', '--write', join(dir, 'svid')], env);
      if (code === 0) break;
      if (tries === 20) throw new Error(stderr);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    const bundle = join(dir, 'server', 'bundle.pem');
    const verified = await run('openssl', ['verify', '-CAfile', bundle, join(dir, 'svid', 'svid.pem')]);
    if (verified.code !== 0) throw new Error(verified.stderr);
  } finally {
    const ended = once(agent, 'exit');
    agent.kill('SIGKILL');
    await ended;
  }
}

/** A server's directory with a registered cluster, brought to where `before` leads, and no process in it. */
async function stageWith(before: readonly string[]): Promise<Stage> {
  const dir = await mkdtemp(join(tmpdir(), 'spirl-kill-'));
  const { child } = await startServer(dir, 'before');
  const key = join(dir, 'cluster.key');
  const made = await ctl(
    dir,
    'cluster',
    'register',
    'node',
    '--trust-domain',
    'example.org',
    '--platform',
    'linux',
    '--key-file',
    key,
  );
  const [id = ''] = /c-[a-z0-9]+/.exec(made.stdout) ?? [];
  const [version = ''] = /cv-[a-z0-9]+/.exec(made.stdout) ?? [];
  for (const command of before) await keyset(dir, ...argsOf(command, await states(dir)));
  await stopServer(child);
  return { dir, cluster: { id, version } };
}

function argsOf(command: string, ring: States): string[] {
  if (command === 'activate') return ['activate', inState(ring, 'PREPARED')];
  if (command === 'taint') return ['taint', inState(ring, 'PREPARED')];
  if (command === 'remove') return ['remove', inState(ring, 'TAINTED')];
  return [command];
}

const SCENES = [
  { command: 'prepare', before: [], after: ['ACTIVE', 'PREPARED'] },
  { command: 'activate', before: ['prepare'], after: ['ACTIVE', 'PREPARED'] },
  { command: 'taint', before: ['prepare', 'activate'], after: ['ACTIVE', 'TAINTED'] },
  { command: 'remove', before: ['prepare', 'activate', 'taint'], after: ['ACTIVE'] },
];

for (const { command, before, after } of SCENES) {
  test.serial(
    `${command}: killed at each step on disk, the server comes back with the ring before or after, and its SVIDs verify`,
    async (t) => {
      t.timeout(600_000);
      const base = await stageWith(before);
      let outcomes = { before: 0, after: 0 };
      for (const mode of ['before', 'after']) {
        for (let dieAt = 1; ; dieAt++) {
          const dir = await mkdtemp(join(tmpdir(), 'spirl-kill-'));
          const stage = { dir, cluster: base.cluster };
          await cp(base.dir, dir, { recursive: true });
          const { child } = await startServer(dir, mode);
          const ring = await states(dir);
          child.send({ dieAt });
          const { code } = await keyset(dir, ...argsOf(command, ring));
          const survived = child.exitCode === null && child.signalCode === null && code === 0;
          await stopServer(child);
          const again = await startServer(dir, mode);
          const found = await states(dir);
          const unchanged = JSON.stringify(found) === JSON.stringify(ring);
          const wanted = Object.values(found)
            .map((state) => state.replace('STATE_', ''))
            .sort();
          if (unchanged) outcomes = { ...outcomes, before: outcomes.before + 1 };
          else {
            t.deepEqual(wanted, [...after].sort(), `${mode} step ${dieAt}`);
            outcomes = { ...outcomes, after: outcomes.after + 1 };
          }
          await t.notThrowsAsync(requireVerifiedSvid(stage, again.port), `${mode} step ${dieAt}`);
          // A claim that the killed process left must not be in anybody's way.
          if (unchanged)
            t.is((await keyset(dir, ...argsOf(command, found))).code, 0, `${mode} step ${dieAt}: not repeatable`);
          await stopServer(again.child);
          await rm(dir, { recursive: true, force: true });
          if (survived) break;
          t.true(dieAt < 100, 'the mutation never ends');
        }
      }
      await rm(base.dir, { recursive: true, force: true });
      t.log(`${outcomes.before} times the ring before, ${outcomes.after} times the one after`);
      t.true(outcomes.before > 0 && outcomes.after > 0);
    },
  );
}
