import { readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { SpirlError } from '../../src/runtime/errors.js';
import { endpointStorage, startAgentsEndpoint, type AgentsEndpoint } from '../fakes/agents-endpoint.js';
import { clusterKeyPair, TestNode, until, type TestAgent } from '../fakes/test-agent.js';

const alice = { attributes: { 'linux.user.name': ['alice'] }, renewal: false };
const NEVER = new AbortController().signal;

async function connected(node: TestNode, server: AgentsEndpoint): Promise<TestAgent> {
  const agent = await node.start(server.port);
  await until(() => agent.client.status().connected);
  return agent;
}

const login = (node: TestNode): number => node.logger.lines.filter(({ message }) => message === 'logged in').length;

test('an agent logs in, follows the trust state and gets SVIDs', async (t) => {
  const server = await startAgentsEndpoint(endpointStorage());
  const node = await TestNode.of(server);
  const agent = await connected(node, server);

  const [svid] = await agent.client.issuer.mint([alice], NEVER);
  t.like(svid, { keysetId: 'ks_aaaaaaaaaa', outcome: 'o1', notAfter: 2_000 });
  t.is(agent.client.trust.value.bundles[0]?.trustDomain, 'example.org');
  t.deepEqual(agent.client.trust.value.policy.reads, ['linux.user.name']);
  t.deepEqual(node.mints, [['x509', 'OK']]);
  const [recorded] = server.clusters.listAgents();
  t.like(recorded, { version: '0.0.0-test', nodeName: 'node-1', clusterId: node.clusterId });
  t.is(agent.client.agentId(), recorded?.id);
  t.deepEqual(server.unexpected, []);
  await agent.stop();
  await server.stop();
});

test('a restarted agent resumes its session without a login; its key is for its user only', async (t) => {
  const server = await startAgentsEndpoint(endpointStorage());
  const node = await TestNode.of(server);
  await (await connected(node, server)).stop();
  t.is(statSync(join(node.directory, 'state', 'session.json')).mode & 0o777, 0o600);
  t.is(statSync(join(node.directory, 'state')).mode & 0o777, 0o700);

  const again = await connected(node, server);
  t.is(login(node), 1);
  t.is(server.clusters.listAgents().length, 1);
  await again.stop();
  await server.stop();
});

test('a session is renewed at half of its life, under the same agent id', async (t) => {
  const server = await startAgentsEndpoint(endpointStorage({ sessionMs: 3_000 }));
  const node = await TestNode.of(server);
  const agent = await connected(node, server);
  const id = agent.client.agentId();
  await until(() => node.logger.lines.some(({ message }) => message === 'session renewed'));
  await until(() => agent.client.status().connected);
  const [svid] = await agent.client.issuer.mint([alice], NEVER);
  t.false(svid instanceof SpirlError);
  t.is(agent.client.agentId(), id);
  t.is(login(node), 1);
  await agent.stop();
  await server.stop();
});

test('an evicted agent loses its open stream at once and comes back as a new agent', async (t) => {
  const server = await startAgentsEndpoint(endpointStorage());
  const node = await TestNode.of(server);
  const agent = await connected(node, server);
  const id = agent.client.agentId() ?? '';
  await server.clusters.evict(id);
  await until(() => login(node) === 2 && agent.client.status().connected);
  t.not(agent.client.agentId(), id);
  t.false(server.connected.list().has(id));
  await agent.stop();
  await server.stop();
});

test('deleting the cluster key ends open sessions; workloads get UNAVAILABLE, never a refusal', async (t) => {
  const server = await startAgentsEndpoint(endpointStorage());
  const node = await TestNode.of(server);
  const agent = await connected(node, server);
  await server.clusters.deleteKey(node.clusterId, node.clusterVersionId);
  await until(() => agent.client.status().reason?.includes('refuses this agent'));
  const [failed] = await agent.client.issuer.mint([alice], NEVER);
  t.like(failed, { code: 'UNAVAILABLE', message: 'this agent has no session with its trust-domain server' });
  t.regex(agent.client.status().reason ?? '', /the cluster key proof was not accepted/);
  await agent.stop();
  await server.stop();
});

test('a foreign cluster key is refused, and the right one is taken up without a restart', async (t) => {
  const server = await startAgentsEndpoint(endpointStorage());
  const right = clusterKeyPair();
  const node = await TestNode.of(server, 'fleet', right);
  node.useKey(clusterKeyPair().privateKey);
  const agent = await node.start(server.port, { random: () => 0 });
  await until(() => agent.client.status().reason?.includes('not accepted'));
  t.is(server.clusters.listAgents().length, 0);
  node.useKey(right.privateKey);
  await until(() => agent.client.status().connected);
  t.is(server.clusters.listAgents().length, 1);
  await agent.stop();
  await server.stop();
});

test('a server of another session CA is not talked to', async (t) => {
  const [own, foreign] = [await startAgentsEndpoint(endpointStorage()), await startAgentsEndpoint(endpointStorage())];
  const node = await TestNode.of(own);
  const agent = await node.start(foreign.port);
  await until(() => node.logger.lines.some(({ message }) => message === 'login failed, will retry'));
  t.false(agent.client.status().connected);
  const [line] = node.logger.lines.filter(({ level }) => level === 'warn');
  t.regex(String(line?.fields['error']), /cannot be reached.*certificate/);
  await agent.stop();
  await own.stop();
  await foreign.stop();
});

test('an agent that slept past its session, and has lost the bootstrap file, comes back by itself', async (t) => {
  const storage = endpointStorage();
  const before = await startAgentsEndpoint({ ...storage, sessionMs: 1_000 });
  const node = await TestNode.of(before);
  await (await connected(node, before)).stop();
  await before.stop();
  rmSync(join(node.directory, 'bootstrap.pem'));
  const logins = login(node);
  await new Promise((resolve) => setTimeout(resolve, 1_000));

  const after = await startAgentsEndpoint(storage, before.port);
  const agent = await connected(node, after);
  t.is(login(node), logins + 1);
  await agent.stop();
  await after.stop();
});

test('an agent follows the session CA and keeps it', async (t) => {
  const server = await startAgentsEndpoint(endpointStorage());
  const node = await TestNode.of(server);
  const other = await startAgentsEndpoint(endpointStorage());
  const agent = await connected(node, server);
  const both = [...server.sessionCa.state.value.certificates, ...other.sessionCa.state.value.certificates];
  server.trust.publish({ ...server.trust.value, version: server.trust.value.version + 1, sessionCa: both });
  await until(() => node.logger.lines.some(({ message }) => message === 'session CA updated'));
  await until(() => agent.client.status().connected);
  const stored = JSON.parse(readFileSync(join(node.directory, 'state', 'session.json'), 'utf8')) as {
    sessionCa: string[];
  };
  t.deepEqual(
    stored.sessionCa,
    both.map((der) => Buffer.from(der).toString('base64')),
  );
  await agent.stop();
  await server.stop();
  await other.stop();
});

test('an agent reconnects when its server comes back on the same port, and serves bundles meanwhile', async (t) => {
  const storage = endpointStorage();
  const first = await startAgentsEndpoint(storage);
  const node = await TestNode.of(first);
  const agent = await connected(node, first);
  await first.stop();
  await until(() => !agent.client.status().connected);
  t.is(agent.client.trust.value.bundles.length, 1);
  const [failed] = await agent.client.issuer.mint([alice], NEVER);
  t.like(failed, { code: 'UNAVAILABLE', message: 'the trust-domain server cannot be reached' });

  const second = await startAgentsEndpoint(storage, first.port);
  await until(() => agent.client.status().connected);
  const [svid] = await agent.client.issuer.mint([alice], NEVER);
  t.false(svid instanceof SpirlError);
  t.is(login(node), 1);
  await agent.stop();
  await second.stop();
});

test('an agent that starts while its server is away has the bundles of its last run', async (t) => {
  const server = await startAgentsEndpoint(endpointStorage());
  const node = await TestNode.of(server);
  await (await connected(node, server)).stop();
  await server.stop();
  const agent = await node.start(server.port);
  t.is(agent.client.trust.value.bundles[0]?.x509Authorities.length, 1);
  t.deepEqual(agent.client.trust.value.deployments[0]?.keysets, { ks_aaaaaaaaaa: 'ACTIVE' });
  t.false(agent.client.status().connected);
  await agent.stop();
});
