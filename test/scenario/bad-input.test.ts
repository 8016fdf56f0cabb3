import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { parseServerConfig } from '../../server-stub/src/config/server-config.js';
import { runServer } from '../../server-stub/src/server.js';
import { systemClock } from '../../src/runtime/clock.js';
import { silentLogger } from '../../src/runtime/logger.js';
import { WorkloadClient } from '../../src/runtime/workload-client.js';
import { keyset, refusedServer, startServer, writeServerConfig } from './lone-server.js';
import { run, runNode, startDev } from './start-dev.js';

// Bad input of whole processes: what they say, that they live or end as they should, and that nothing is lost. Needs root: it mounts.

const DAY_MS = 24 * 3_600_000;
const NEW_KEYSET = /^Keyset (ks_[a-z0-9]{10}) prepared\.\n$/;

let dir: string;
test.beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spirl-bad-'));
});
test.afterEach.always(() => rm(dir, { recursive: true, force: true }));

const BOMB = `a: &a [x, x, x, x, x, x, x, x]
b: &b [*a, *a, *a, *a, *a, *a, *a, *a]
c: [*b, *b, *b, *b, *b, *b, *b, *b]
`;
const PROGRAMS = ['server-stub/bin/spirl-server.mjs', 'src/bin/spirl-agent.mjs'];
const unreadable: { name: string; text: string | Buffer; said: RegExp }[] = [
  { name: 'a YAML bomb', text: BOMB, said: /\/: line \d+, column \d+: aliases are not supported/ },
  { name: 'a file of 300 KiB', text: `log: "${'x'.repeat(300 * 1024)}"\n`, said: /\/: larger than 262144 bytes/ },
  { name: 'YAML that is cut short', text: '{"log": ', said: /\/: line \d+, column \d+: / },
  { name: 'a list', text: '- 1\n', said: /a group of settings \(key: value\) is expected/ },
  { name: '20,000 levels', text: `log: ${'['.repeat(20_000)}`, said: /nested deeper than 32/ },
  { name: 'bytes that are no text', text: Buffer.from([0xff, 0xfe, 0, 0x80]), said: /is not valid/ },
];
for (const program of PROGRAMS) {
  for (const { name, text, said } of unreadable) {
    test.serial(`${program.replace(/.*\/|\.mjs/g, '')} refuses as configuration: ${name}`, async (t) => {
      const file = join(dir, 'config.yaml');
      await writeFile(file, text);
      const { code, stdout, stderr } = await runNode([program, 'run', '--config', file]);
      t.deepEqual([code, stdout], [1, '']);
      t.regex(stderr, said);
      t.deepEqual(await readdir(dir), ['config.yaml'], 'nothing was made');
    });
  }
  test.serial(`${program.replace(/.*\/|\.mjs/g, '')} run without a configuration is wrong usage`, async (t) => {
    t.is((await runNode([program, 'run'])).code, 2);
    t.is((await runNode([program, 'walk'])).code, 2);
  });
}

test.serial('everything that is wrong with a configuration is told at once, each with its pointer', async (t) => {
  const wrong = { log: { level: 'loud' }, metricsAPI: { port: -1 }, nonsense: 1, stateDir: 7, adminSocket: '' };
  const { code, said } = await refusedServer(await writeServerConfig(dir, wrong));
  t.is(code, 1);
  for (const pointer of ['/log/level', '/metricsAPI/port', '/nonsense', '/stateDir']) {
    t.regex(said, new RegExp(`^ {2}${pointer}: `, 'm'));
  }
  t.notRegex(said, /\/adminSocket/, 'an empty text is unset');
});

const RECORDS = ['ring', 'session-ca', 'deployment', 'keyset', 'cluster'] as const;
const damages: { name: string; to: (path: string) => Promise<unknown>; said: RegExp }[] = [
  { name: 'truncated', to: (path) => truncate(path, 40), said: /it is truncated or no JSON document/ },
  { name: 'empty', to: (path) => truncate(path, 0), said: /it is truncated or no JSON document/ },
  {
    name: 'of an unknown format version',
    to: (path) => replaceIn(path, '"format": 1', '"format": 7'),
    said: /it has format version 7, this server knows 1/,
  },
  {
    name: 'with a changed byte',
    to: (path) => replaceIn(path, '"value": {', '"value": { "x": 1,'),
    said: /its content does not match its checksum/,
  },
];

test.serial(
  'a damaged record ends the start with its name and what is wrong; nothing else on disk is touched',
  async (t) => {
    const state = await usedState();
    for (const record of RECORDS) {
      for (const { name, to, said } of damages) {
        await restore(state);
        const file = (await readdir(join(dir, 'state/records'))).find((entry) => entry.startsWith(record)) ?? '';
        await to(join(dir, 'state/records', file));
        const before = await contents(join(dir, 'state'));
        const refused = await refusedServer(await writeServerConfig(dir));
        t.is(refused.code, 1, `${record} ${name}`);
        t.regex(refused.said, said, `${record} ${name}`);
        t.true(refused.said.includes(file.replace('.json', '').replace('.', '/')), refused.said);
        t.deepEqual(await contents(join(dir, 'state')), before, `${record} ${name}: changed by the refused start`);
      }
    }
  },
);

const keks: { name: string; kek: string | undefined; said: RegExp }[] = [
  { name: 'another key', kek: Buffer.alloc(32, 7).toString('base64'), said: /KEK|key/ },
  { name: 'no key at all', kek: 'garbage\n', said: /does not hold a key: 32 bytes in base64 are expected/ },
  { name: 'no file', kek: undefined, said: /is missing, but records sealed with it exist/ },
];
test.serial('a wrong KEK ends the start with a refusal that names it, and makes no new one', async (t) => {
  const state = await usedState();
  for (const { name, kek, said } of keks) {
    await restore(state);
    const file = join(dir, 'state/kek');
    const right = (await readFile(file, 'utf8')).trim();
    await (kek === undefined ? rm(file) : writeFile(file, kek));
    const before = await contents(join(dir, 'state'));
    const refused = await refusedServer(await writeServerConfig(dir));
    t.is(refused.code, 1, name);
    t.regex(refused.said, said, name);
    t.false(refused.said.includes(right), 'a key is never shown');
    if (kek !== undefined) t.false(refused.said.includes(kek.trim()), 'not even a wrong one');
    t.deepEqual(await contents(join(dir, 'state')), before, name);
  }
});

test.serial('what a living process has is refused, and that process goes on', async (t) => {
  const first = await startServer(await writeServerConfig(dir));
  const other = join(dir, 'other');
  await mkdir(other);
  try {
    const sameState = await refusedServer(await writeServerConfig(other, { stateDir: join(dir, 'state') }));
    t.is(sameState.code, 1);
    t.true(sameState.said.includes(`is in use by process ${first.child.pid ?? 0}`), sameState.said);

    const samePort = { agentEndpoint: { port: first.agentPort } };
    const port = await refusedServer(await writeServerConfig(other, samePort));
    t.is(port.code, 1);
    t.true(port.said.includes(String(first.agentPort)), port.said);

    const sameSocket = await refusedServer(await writeServerConfig(other, { adminSocket: join(dir, 'admin.sock') }));
    t.is(sameSocket.code, 1);
    t.regex(sameSocket.said, /admin\.sock.*another living process/);

    t.is((await keyset(dir, 'list')).code, 0);
  } finally {
    await first.stop();
  }
});

test.serial('a metrics port in use ends the start with the port', async (t) => {
  const holder = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => holder.once('listening', resolve));
  const { port } = holder.address() as AddressInfo;
  const refused = await refusedServer(await writeServerConfig(dir, { metricsAPI: { port } }));
  t.is(refused.code, 1);
  t.true(refused.said.includes(String(port)), refused.said);
  holder.close();
});

test.serial('a full disk fails the mutation, the old state stays; a read-only one ends the start', async (t) => {
  const disk = join(dir, 'state');
  await mkdir(disk);
  t.is((await run('mount', ['-t', 'tmpfs', '-o', 'size=256k,mode=0700', 'tmpfs', disk])).code, 0);
  const files = { bundlePath: join(dir, 'bundle.pem'), bootstrapFile: join(dir, 'bootstrap.pem') };
  const server = await startServer(await writeServerConfig(dir, files));
  try {
    const before = await keyset(dir, 'list');
    await run('dd', ['if=/dev/zero', `of=${join(disk, 'ballast')}`, 'bs=4k']);
    const full = await keyset(dir, 'prepare');
    t.is(full.code, 1);
    t.regex(full.stderr, /no space left on device/);
    t.deepEqual(await keyset(dir, 'list'), before);
    await rm(join(disk, 'ballast'));
    t.regex((await keyset(dir, 'prepare')).stdout, NEW_KEYSET);

    await server.stop();
    t.is((await run('mount', ['-o', 'remount,ro', disk])).code, 0);
    const refused = await refusedServer(await writeServerConfig(dir, files));
    t.is(refused.code, 1);
    t.regex(refused.said, /read-only file system/);
  } finally {
    await server.stop();
    await run('umount', [disk]);
  }
});

test.serial(
  'a clock that stands a day before the last write: no keyset is made, taint and list go through',
  async (t) => {
    const ahead = { ...systemClock, now: () => Date.now() + DAY_MS };
    const stopped = new AbortController();
    const config = parseServerConfig(await readFile(await writeServerConfig(dir), 'utf8'));
    const parts = { clock: ahead, logger: silentLogger, version: '0.0.0', ownUid: process.getuid?.() ?? 0 };
    await new Promise<void>((resolve, reject) => {
      const serving = (): void => resolve();
      runServer(config, { ...parts, writeAudit: () => {} }, stopped.signal, serving).catch(reject);
    });
    const [, id = ''] = NEW_KEYSET.exec((await keyset(dir, 'prepare')).stdout) ?? [];
    stopped.abort();
    await untilGone(join(dir, 'admin.sock'));

    const server = await startServer(await writeServerConfig(dir));
    try {
      const prepare = await keyset(dir, 'prepare');
      t.is(prepare.code, 1);
      t.regex(prepare.stderr, /clock/);
      t.is((await keyset(dir, 'taint', id)).stdout, `Keyset ${id} tainted.\n`);
      t.regex((await keyset(dir, 'list')).stdout, new RegExp(`${id} .* Tainted`));
    } finally {
      await server.stop();
    }
  },
);

test.serial('oversized and hostile requests are refused one by one; the agent and the server live', async (t) => {
  const dev = await startDev();
  const client = new WorkloadClient({ scheme: 'unix', path: dev.ready.workloadSocket });
  const { signal } = new AbortController();
  try {
    const huge = { audience: ['x'.repeat(8 * 1024 * 1024)], spiffeId: '' };
    t.like(await t.throwsAsync(client.jwtSvids(huge, signal)), { code: 'LIMIT_REACHED' });
    const many = { audience: Array.from({ length: 5_000 }, (_, i) => `a${i}`), spiffeId: '' };
    t.like(await t.throwsAsync(client.jwtSvids(many, signal)), { code: 'INVALID_REQUEST' });
    for (const svid of ['', 'a.b.c', '.'.repeat(1_000), 'x'.repeat(40_000)]) {
      t.like(await t.throwsAsync(client.validateJwtSvid({ audience: 'a', svid }, signal)), { code: 'INVALID_REQUEST' });
    }
    const policy = join(dev.dir, 'policy.yaml');
    const long = `/${'a'.repeat(2_100)}/{{linux.user.name}}`;
    await writeFile(policy, `section: SVIDIssuancePolicy\nschema: v1\nspec: { policy: { pathTemplate: "${long}" } }\n`);
    const set = await dev.spirlctl('config', 'set', 'cluster', '--id', dev.ready.clusterId, policy);
    if (set.code === 0) t.is((await dev.spirldbg('svid-x509')).code, 1, 'an ID of more than 2048 bytes was issued');
    t.is((await keyset(dev.dir, 'list')).code, 0);
    t.deepEqual([alive(dev.ready.agentPid), alive(dev.ready.serverPid)], [true, true]);
  } finally {
    client.close();
    await dev.stop();
  }
});

/** The state of a server that has made a keyset, a session CA and a cluster, with no process in it. */
async function usedState(): Promise<string> {
  const server = await startServer(await writeServerConfig(dir));
  const register = ['cluster', 'register', 'node', '--trust-domain', 'example.org'];
  await runNode(['server-stub/bin/spirlctl.mjs', ...register], { SPIRL_SERVER: join(dir, 'admin.sock') });
  await server.stop();
  const kept = join(dir, 'kept');
  await cp(join(dir, 'state'), kept, { recursive: true });
  return kept;
}

async function restore(state: string): Promise<void> {
  await rm(join(dir, 'state'), { recursive: true, force: true });
  await cp(state, join(dir, 'state'), { recursive: true });
}

async function replaceIn(path: string, from: string, to: string): Promise<void> {
  await writeFile(path, (await readFile(path, 'utf8')).replace(from, to));
}

/** Digest of each file below `folder`; the lock file says who was there last. */
async function contents(folder: string): Promise<Readonly<Record<string, string>>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(folder, { recursive: true })) {
    const path = join(folder, entry);
    if (entry.endsWith('lock') || !(await stat(path)).isFile()) continue;
    found[entry] = createHash('sha256')
      .update(await readFile(path))
      .digest('hex');
  }
  return found;
}

async function untilGone(socket: string): Promise<void> {
  for (;;) {
    const answers = await new Promise<boolean>((resolve) => {
      const probe = connect(socket, () => resolve(true));
      probe.once('error', () => resolve(false));
      probe.once('connect', () => probe.destroy());
    });
    if (!answers) return;
    await systemClock.sleep(50, new AbortController().signal);
  }
}

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
