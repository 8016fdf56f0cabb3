import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { DEPLOYMENT_ID, startAdminServer, type AdminServer } from './admin-server.js';

let server: AdminServer;
test.before(async () => {
  server = await startAdminServer();
});
test.after.always(() => server.stop());

async function register(name: string, ...args: string[]): Promise<{ clusterId: string; clusterVersionId: string }> {
  const { code, out, err } = await server.spirlctl(
    ...['cluster', 'register', name, '--trust-domain', 'example.org', '--platform', 'linux', '-o', 'json'],
    ...args,
  );
  if (code !== 0) throw new Error(err);
  return JSON.parse(out) as { clusterId: string; clusterVersionId: string };
}

async function file(name: string, text: string): Promise<string> {
  const path = join(server.dir, name);
  await writeFile(path, text);
  return path;
}

test('cluster register shows ids and, this once, the private key of the public one that the server got', async (t) => {
  const { code, out } = await server.spirlctl('cluster', 'register', 'shown', '--trust-domain', 'example.org');
  t.is(code, 0);
  const shape =
    /^Cluster registered successfully!\nCluster ID: (c-[a-z0-9]+)\nCluster Version ID: cv-[a-z0-9]+\n\nPrivate key .*\n(-----BEGIN PRIVATE KEY-----\n[^-]+-----END PRIVATE KEY-----\n)$/;
  const [, id = '', pem = ''] = shape.exec(out) ?? [];
  const key = createPrivateKey(pem);
  t.is(key.asymmetricKeyType, 'ed25519');
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  t.true(server.clusters.require(id).keys[0]?.spki.equals(spki));
});

test('with --key-file the private key goes to a new file (0600) and nowhere else', async (t) => {
  const keyFile = join(server.dir, 'filed.key');
  const args = ['--trust-domain', 'example.org', '--key-file', keyFile];
  const { out } = await server.spirlctl('cluster', 'register', 'filed', ...args);
  t.notRegex(out, /PRIVATE KEY/);
  t.is((await stat(keyFile)).mode & 0o777, 0o600);
  t.is(createPrivateKey(await readFile(keyFile)).asymmetricKeyType, 'ed25519');

  const before = await readFile(keyFile);
  t.like(await server.spirlctl('cluster', 'register', 'again', ...args), {
    code: 1,
    err: `Error: the key file ${keyFile} cannot be written: it exists already\n`,
  });
  t.deepEqual(await readFile(keyFile), before);
  t.is(server.clusters.findByName('again'), undefined, 'nothing is registered whose key cannot be kept');
});

test('a refused registration leaves no key file', async (t) => {
  const keyFile = join(server.dir, 'refused.key');
  const args = ['--trust-domain', 'nope.org', '--key-file', keyFile];
  const { code, err } = await server.spirlctl('cluster', 'register', 'refused', ...args);
  t.deepEqual([code, err], [1, 'Error: trust domain "nope.org" not found\n']);
  await t.throwsAsync(stat(keyFile));
});

test('keys of a cluster are added, listed and deleted', async (t) => {
  const { clusterId } = await register('keyed');
  const added = await server.spirlctl('cluster', 'key', 'add', '--cluster-id', clusterId);
  t.regex(added.out, /^Cluster Version ID: cv-/);
  const keys = JSON.parse(
    (await server.spirlctl('cluster', 'key', 'list', '--cluster-id', clusterId, '-o', 'json')).out,
  ) as {
    clusterVersionId: string;
  }[];
  t.is(keys.length, 2);
  const first = keys[0]?.clusterVersionId ?? '';
  t.is(
    (await server.spirlctl('cluster', 'key', 'delete', first, '--cluster-id', clusterId)).out,
    `Key ${first} deleted.\n`,
  );
  t.is(server.clusters.require(clusterId).keys.length, 1);
});

test('agents are listed and evicted', async (t) => {
  const { clusterId, clusterVersionId } = await register('manned');
  const login = { id: 'a-0123456789ab', clusterId, clusterVersionId, version: '0.38.0', nodeName: 'node-7' };
  await server.clusters.recordLogin(login, Date.UTC(2026, 0, 2));
  const { out } = await server.spirlctl('agent', 'list', '--cluster-id', clusterId);
  t.regex(out, /^Agent ID {2,}Cluster {2,}Node {2,}Version {2,}Connected {2,}Session Expires At {2,}SVIDs\n/);
  t.regex(out, /^a-0123456789ab {2}manned {3}node-7 {2}0\.38\.0 {3}no {9}2026-01-02 00:00:00 \+0000 UTC {2}-\n/m);
  t.is((await server.spirlctl('agent', 'evict', login.id)).out, `Agent ${login.id} evicted.\n`);
  t.is((await server.spirlctl('agent', 'list', '--cluster-id', clusterId)).out.split('\n').length, 2);
  t.is((await server.spirlctl('agent', 'evict', 'a-nobody')).code, 1);
});

test('trust-domain info shows schedule, keysets and fingerprints', async (t) => {
  const { code, out } = await server.spirlctl('trust-domain', 'info');
  t.is(code, 0);
  t.regex(out, /Preparation Threshold: 336h0m0s before the active keyset expires\n {2}Activation Threshold: 168h0m0s/);
  t.regex(out, /^X\.509 {2}ks_abc1234xyz {2}12 {14}([0-9A-F]{2}:){31}[0-9A-F]{2}$/m);
});

test('trust-bundle get has the X.509 authorities section, and three forms for programs', async (t) => {
  const { clusterId } = await register('bundled');
  const get = async (...args: string[]) =>
    (await server.spirlctl('trust-bundle', 'get', '--cluster-id', clusterId, ...args)).out;
  const text = await get();
  t.regex(text, /^X\.509 authorities:\n {2}Subject: /m);
  t.regex(text, /^JWT authorities:\n {2}ks_def5678uvw {2}EC P-256\n {2}ks_abc1234xyz {2}EC P-256\n$/m);
  const pem = await get('--format', 'pem');
  t.is(pem.match(/BEGIN CERTIFICATE/g)?.length, 2);
  t.true(new X509Certificate(pem).ca);
  const jwks = JSON.parse(await get('--format', 'jwks')) as { keys: { kid: string; kty: string }[] };
  t.deepEqual(
    jwks.keys.map(({ kid, kty }) => [kid, kty]),
    [
      ['ks_def5678uvw', 'EC'],
      ['ks_abc1234xyz', 'EC'],
    ],
  );
  const spiffe = JSON.parse(await get('--format', 'spiffe')) as { keys: { use: string }[] };
  t.deepEqual(
    spiffe.keys.map(({ use }) => use),
    ['x509-svid', 'x509-svid', 'jwt-svid', 'jwt-svid'],
  );
  t.is((await server.spirlctl('trust-bundle', 'get', '--cluster-id', 'c-nobody')).code, 1);
});

test('config set puts several files into force at once; get shows them as they were given', async (t) => {
  const { clusterId } = await register('configured');
  const policy = await file(
    'policy.yaml',
    'section: SVIDIssuancePolicy\nschema: v1\nspec:\n  policy: # ours\n    pathTemplate: "/a"\n',
  );
  const linux = await file('linux.yaml', 'section: WorkloadAttestation\nschema: v1\n');
  const set = await server.spirlctl('config', 'set', 'cluster', '--id', clusterId, policy, linux);
  const [, version = ''] = /^Version: ([0-9A-Za-z]{27})$/m.exec(set.out) ?? [];
  t.is(set.out, `Configuration of cluster ${clusterId} set.\nVersion: ${version}\n`);
  const { out } = await server.spirlctl('config', 'get', 'cluster', '--id', clusterId);
  t.is(
    out,
    `# cluster ${clusterId}, version: ${version}\n---\n${await readFile(policy, 'utf8')}---\n${await readFile(linux, 'utf8')}`,
  );
  const moved = ['config', 'set', 'cluster', '--id', clusterId, linux, '--prune', '--expected-version'];
  t.is((await server.spirlctl(...moved, 'another')).code, 1);
  t.is((await server.spirlctl(...moved, version)).code, 0);
  t.is(server.config.get({ kind: 'cluster', id: clusterId }).sections.length, 1);
});

test('every problem of every file is told together, by set and by validate', async (t) => {
  const { clusterId } = await register('mistaken');
  const policy = await file(
    'wrong-policy.yaml',
    'section: SVIDIssuancePolicy\nschema: v1\nspec:\n  policy:\n    x509: { ttl: 1s }\n    paths: /a\n',
  );
  const input = 'section: UpstreamAuthority\nschema: v1\nspec: { extensions: { awsPca: { region: "" } } }\n';
  const lines = [
    /^ {2}SVIDIssuancePolicy \/spec\/policy\/paths: unknown setting/m,
    /^ {2}SVIDIssuancePolicy \/spec\/policy\/x509\/ttl: a duration from 1h0m0s to 168h0m0s is expected/m,
    /^ {2}UpstreamAuthority \/spec\/extensions\/awsPca: awsPca is not available in this version$/m,
  ];
  for (const verb of ['set', 'validate']) {
    const { code, out, err } = await server.spirlctlWith(
      { readInput: () => Promise.resolve(input) },
      ...['config', verb, 'cluster', '--id', clusterId, policy, '-'],
    );
    t.deepEqual([code, out], [1, ''], err);
    t.true(err.startsWith('Error: the configuration is not valid:\n'));
    for (const line of lines) t.regex(err, line);
  }
  t.is(server.config.get({ kind: 'cluster', id: clusterId }).version, '');
});

test('a scope that is not here is named', async (t) => {
  const linux = await file('any.yaml', 'section: KeyManager\nschema: v1\n');
  t.regex((await server.spirlctl('config', 'set', 'cluster', '--id', 'c-nobody', linux)).err, /c-nobody/);
  t.is(
    (await server.spirlctl('config', 'get', 'trust-domain-deployment', '--id', 'tdd-nobody')).err,
    'Error: trust domain deployment "tdd-nobody" not found\n',
  );
  t.is((await server.spirlctl('config', 'set', 'trust-domain-deployment', '--id', DEPLOYMENT_ID, linux)).code, 0);
  t.is((await server.spirlctl('config', 'set', 'galaxy', '--id', 'x', linux)).code, 2);
});

test('login keeps the server as the current context, for commands that name none', async (t) => {
  const env = { XDG_CONFIG_HOME: join(server.dir, 'home') };
  const before = await server.spirlctlWith({ env }, 'cluster', 'list');
  t.regex(before.err, /npm start/);
  const login = await server.spirlctlWith({ env }, 'login', '--server', `unix://${server.socket}`);
  t.is(
    login.out,
    `Logged in to example.org at unix://${server.socket}.\nThe current context is now "example.org".\n`,
    login.err,
  );
  t.is((await server.spirlctlWith({ env }, 'cluster', 'list')).code, 0);
  t.regex((await server.spirlctlWith({ env }, 'context', 'list')).out, /^\* {8}example\.org {2}unix:/m);
  t.is((await server.spirlctlWith({ env }, 'context', 'use', 'nope')).code, 1);
  await writeFile(join(server.dir, 'home/spirlctl/config.json'), 'x');
  t.regex((await server.spirlctlWith({ env }, 'cluster', 'list')).err, /config\.json is no contexts file/);
  const named = ['--server', server.socket, 'cluster', 'list'];
  t.is((await server.spirlctlWith({ env }, ...named)).code, 0, 'who names a server needs no contexts');
});
