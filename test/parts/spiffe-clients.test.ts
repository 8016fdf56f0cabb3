import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import test, { type ExecutionContext } from 'ava';
import { projectRoot, run, startDev, type CommandResult, type Dev } from '../scenario/start-dev.js';

// Clients that other people wrote, unmodified, against `npm start`. `.ci/install-parts.mjs` installs them.

const parts = join(projectRoot, '.ci/parts');
const AUDIENCE = 'verifier';

/** How each client is started; all take `fetch AUDIENCE` and `watch COUNT` and print JSON lines. */
const CLIENTS: Readonly<Record<string, readonly string[]>> = {
  'Go: go-spiffe 2.8.1': [join(parts, 'bin/go-client')],
  'Python: spiffe 0.3.2': [join(parts, 'python/bin/python'), join(projectRoot, 'test/parts/clients/python/client.py')],
  'Java: java-spiffe 0.8.17': [
    'java',
    '-cp',
    [join(parts, 'java/lib/*'), join(parts, 'java/classes')].join(delimiter),
    'Client',
  ],
  'Rust: spiffe 0.16.0': [join(parts, 'rust/debug/spirl-test-client')],
  'Node.js: grpc-js': [process.execPath, join(projectRoot, 'test/parts/clients/node/client.mjs')],
};

interface Line {
  readonly kind: string;
  readonly spiffeId?: string;
  readonly serial?: string;
  readonly chain?: number;
  readonly trustDomain?: string;
  readonly x509Authorities?: number;
  readonly jwtAuthorities?: number;
}

let dev: Dev;
let folder: string;
test.before(async () => {
  dev = await startDev();
  folder = await mkdtemp(join(tmpdir(), 'clients-'));
});
test.after.always(async () => {
  await dev.stop();
  await rm(folder, { recursive: true, force: true });
});

const environment = () => ({ SPIFFE_ENDPOINT_SOCKET: `unix://${dev.ready.workloadSocket}` });
const keyset = (...args: string[]): Promise<CommandResult> =>
  dev.spirlctl(
    'trust-domain',
    'deployment',
    'keyset',
    ...args,
    '--trust-domain',
    'example.org',
    '--deployment-name',
    'default',
  );

function linesOf(output: string): Line[] {
  const lines = output.split('\n').filter((line) => line.startsWith('{'));
  return lines.map((line) => JSON.parse(line) as Line);
}

async function go(...args: string[]): Promise<CommandResult> {
  return run(join(parts, 'bin/go-client'), args, environment());
}

async function succeeds(t: ExecutionContext, result: Promise<CommandResult>): Promise<string> {
  const { code, stdout, stderr } = await result;
  t.is(code, 0, `${stdout}\n${stderr}`);
  return stdout;
}

for (const [name, [command = '', ...args]] of Object.entries(CLIENTS)) {
  test.serial(`${name} fetches X.509 and JWT, verifies both, and has its token validated`, async (t) => {
    const output = await succeeds(t, run(command, [...args, 'fetch', AUDIENCE], environment()));
    const lines = linesOf(output);
    t.deepEqual(
      lines.map(({ kind }) => kind),
      ['x509', 'bundles', 'jwt', 'validated'],
    );
    const [x509, bundles, jwt, validated] = lines;
    t.regex(x509?.spiffeId ?? '', /^spiffe:\/\/example\.org\/[\w-]+\/root$|^spiffe:\/\/example\.org\/[\w./-]+$/);
    t.is(jwt?.spiffeId, x509?.spiffeId);
    t.is(validated?.spiffeId, x509?.spiffeId);
    t.is(bundles?.trustDomain, 'example.org');
    t.true((bundles?.x509Authorities ?? 0) >= 1 && (bundles?.jwtAuthorities ?? 0) >= 1);
  });
}

/** Starts `watch 2` and resolves with both updates; `afterFirst` runs once the first one came. */
async function watch(command: string, args: readonly string[], afterFirst: () => Promise<unknown>): Promise<Line[]> {
  const child = spawn(command, [...args, 'watch', '2'], {
    env: { ...process.env, ...environment() },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const updates: Line[] = [];
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  for await (const line of createInterface({ input: child.stdout })) {
    if (!line.startsWith('{')) continue;
    updates.push(JSON.parse(line) as Line);
    if (updates.length === 1) await afterFirst();
  }
  if ((await ended) !== 0) throw new Error(`the client failed after ${JSON.stringify(updates)}`);
  return updates;
}

// Rust's source tells only of new SVIDs; a prepared keyset changes the bundle.
for (const [name, [command = '', ...args]] of Object.entries(CLIENTS).filter(([name]) => !name.startsWith('Rust'))) {
  test.serial(`${name} sees a new authority on its open stream`, async (t) => {
    const updates = await watch(command, args, () => succeeds(t, keyset('prepare')));
    t.deepEqual(
      updates.map(({ kind }) => kind),
      ['update', 'update'],
    );
    t.is(updates[0]?.serial, updates[1]?.serial, 'only the bundle changed');
  });
}

test.serial(
  'spiffe-helper writes certificate, key, bundle, JWT bundle and JWT, the key for its owner only',
  async (t) => {
    const to = join(folder, 'helper');
    const config = join(folder, 'helper.conf');
    const settings = {
      agent_address: dev.ready.workloadSocket,
      cert_dir: to,
      svid_file_name: 'svid.pem',
      svid_key_file_name: 'key.pem',
      svid_bundle_file_name: 'bundle.pem',
      jwt_bundle_file_name: 'jwks.json',
    };
    const lines = Object.entries(settings).map(([name, value]) => `${name} = ${JSON.stringify(value)}`);
    lines.push('daemon_mode = false', `jwt_svids = [{jwt_audience="${AUDIENCE}", jwt_svid_file_name="jwt.token"}]`);
    await writeFile(config, lines.join('\n'));
    await run('mkdir', ['-p', to]);
    await succeeds(t, run(join(parts, 'bin/spiffe-helper'), ['-config', config]));
    t.deepEqual((await readdir(to)).sort(), ['bundle.pem', 'jwks.json', 'jwt.token', 'key.pem', 'svid.pem']);
    t.is((await stat(join(to, 'key.pem'))).mode & 0o777, 0o600);
    await succeeds(t, run('openssl', ['verify', '-CAfile', join(to, 'bundle.pem'), join(to, 'svid.pem')]));
  },
);

/** What a relying party holds: files as spirldbg writes them. */
async function artefacts(name: string): Promise<Record<'svid' | 'key' | 'bundle' | 'token' | 'jwks', string>> {
  const at = join(folder, name);
  const token = `${at}.jwt`;
  const jwks = `${at}.jwks`;
  const results = [
    await dev.spirldbg('svid-x509', '--write', at),
    await dev.spirldbg('svid-jwt', '--audience', AUDIENCE, '--filename', token),
    await dev.spirldbg('bundle', '--format', 'jwks'),
  ];
  const failed = results.find(({ code }) => code !== 0);
  if (failed !== undefined) throw new Error(failed.stderr);
  await writeFile(jwks, results[2]?.stdout ?? '');
  return { svid: join(at, 'svid.pem'), key: join(at, 'svid_key.pem'), bundle: join(at, 'bundle.pem'), token, jwks };
}

test.serial('go-spiffe’s parsers and openssl -x509_strict accept what is issued, in both purposes', async (t) => {
  const { svid, key, bundle, token, jwks } = await artefacts('now');
  await succeeds(t, go('parse-svid', svid, key));
  await succeeds(t, go('verify-x509', svid, bundle, 'example.org'));
  await succeeds(t, go('verify-jwt', token, jwks, 'example.org', AUDIENCE));
  for (const purpose of ['sslclient', 'sslserver']) {
    await succeeds(t, run('openssl', ['verify', '-x509_strict', '-purpose', purpose, '-CAfile', bundle, svid]));
  }
  const document = join(folder, 'bundle.json');
  const { stdout } = await dev.spirlctl(
    'trust-bundle',
    'get',
    '--cluster-id',
    dev.ready.clusterId,
    '--format',
    'spiffe',
  );
  await writeFile(document, stdout);
  const [parsed] = linesOf(await succeeds(t, go('parse-bundle', document, 'example.org')));
  t.true((parsed?.x509Authorities ?? 0) >= 1 && (parsed?.jwtAuthorities ?? 0) >= 1);
});

test.serial(
  'what a removed keyset signed is refused by go-spiffe, the agent and openssl with the new bundle',
  async (t) => {
    const old = await artefacts('old');
    const { keys } = JSON.parse(await readFile(old.jwks, 'utf8')) as { keys: { kid: string }[] };
    const list = await succeeds(t, keyset('list', '-o', 'json'));
    const oldId = /ks_[a-z0-9]{10}/.exec(JSON.stringify(active(JSON.parse(list))))?.[0] ?? '';
    t.true(
      keys.some(({ kid }) => kid === oldId),
      `${oldId} is not a key of ${JSON.stringify(keys)}`,
    );
    const newId = keys.map(({ kid }) => kid).find((kid) => kid !== oldId) ?? '';
    await succeeds(t, keyset('activate', newId));
    await succeeds(t, keyset('taint', oldId));
    await succeeds(t, keyset('remove', oldId));
    const fresh = await artefacts('fresh');
    t.is((await go('verify-x509', old.svid, fresh.bundle, 'example.org')).code, 1);
    t.is((await go('verify-jwt', old.token, fresh.jwks, 'example.org', AUDIENCE)).code, 1);
    t.not((await run('openssl', ['verify', '-CAfile', fresh.bundle, old.svid])).code, 0);
    t.is((await dev.spirldbg('validate', '--audience', AUDIENCE, await readFile(old.token, 'utf8'))).code, 1);
    await succeeds(t, go('verify-x509', fresh.svid, fresh.bundle, 'example.org'));
    await succeeds(t, go('verify-jwt', fresh.token, fresh.jwks, 'example.org', AUDIENCE));
  },
);

/** The active entry of a keyset list, wherever the document keeps it. */
function active(document: unknown): unknown {
  if (Array.isArray(document)) return document.map(active).find((found) => found !== undefined);
  if (typeof document !== 'object' || document === null) return undefined;
  if (/active/i.test(String((document as { state?: unknown }).state))) return document;
  return active(Object.values(document));
}
