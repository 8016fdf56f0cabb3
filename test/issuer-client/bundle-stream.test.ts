import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { endpointStorage, startAgentsEndpoint, trustAt } from '../fakes/agents-endpoint.js';
import { TestNode, until, type TestAgent } from '../fakes/test-agent.js';

const NEVER = new AbortController().signal;
const revisionOf = ({ client }: TestAgent): number => client.trust.value.deployments[0]?.revision ?? 0;

async function setUp() {
  const server = await startAgentsEndpoint(endpointStorage());
  const node = await TestNode.of(server);
  const agent = await node.start(server.port);
  await until(() => agent.client.status().connected);
  return { server, node, agent };
}

test('a state older than what is known is refused, also after a restart; a newer one, or another epoch, is taken', async (t) => {
  const { server, node, agent } = await setUp();
  server.publishRevision(5);
  await until(() => revisionOf(agent) === 5);
  server.publishRevision(3);
  await until(() => !agent.client.status().connected);
  t.is(agent.client.status().reason, 'the trust-domain server is behind what this agent knows already');
  t.is(revisionOf(agent), 5);
  t.true(node.logger.lines.some(({ message }) => message === 'an older trust state was refused'));
  await agent.stop();

  const again = await node.start(server.port);
  await until(() => node.logger.lines.filter(({ message }) => message.startsWith('an older')).length === 2);
  t.is(revisionOf(again), 5);
  server.publishRevision(6);
  await until(() => revisionOf(again) === 6);
  server.publishRevision(1, 2);
  await until(() => revisionOf(again) === 1);
  t.true(again.client.status().connected);
  await again.stop();
  await server.stop();
});

test('publishing waits until the connected agent has pushed the revision, and learns what it holds', async (t) => {
  const { server, agent } = await setUp();
  const id = agent.client.agentId() ?? '';
  server.publishRevision(2);
  let published = false;
  const waiting = server.connected.published(2, NEVER).then(() => (published = true));
  await until(() => revisionOf(agent) === 2);
  t.false(published);
  agent.client.acknowledge(agent.client.trust.value.version, { ks_aaaaaaaaaa: 3 });
  await waiting;
  t.like(server.connected.list().get(id), { acknowledgedRevision: 2, svidsPerKeyset: { ks_aaaaaaaaaa: 3 } });
  t.deepEqual(server.connected.svidsPerKeyset(), { ks_aaaaaaaaaa: 3 });

  agent.client.acknowledge(agent.client.trust.value.version, { ks_aaaaaaaaaa: 1, ks_bbbbbbbbbb: 2 });
  await until(() => server.connected.svidsPerKeyset()['ks_bbbbbbbbbb'] === 2);
  await agent.stop();
  await until(() => server.connected.list().size === 0);
  await server.connected.published(99, NEVER);
  await server.stop();
});

test('the same state on a new stream is acknowledged without being pushed again', async (t) => {
  const storage = endpointStorage();
  const first = await startAgentsEndpoint(storage);
  const node = await TestNode.of(first);
  const agent = await node.start(first.port);
  await until(() => agent.client.status().connected);
  const { version } = agent.client.trust.value;
  agent.client.acknowledge(version, {});
  await first.stop();
  const second = await startAgentsEndpoint(storage, first.port);
  await until(() => [...second.connected.list().values()][0]?.acknowledgedRevision === 1);
  t.is(agent.client.trust.value.version, version);
  await agent.stop();
  await second.stop();
});

test('a torn state file is ignored, and the whole state comes from the server', async (t) => {
  const { server, node, agent } = await setUp();
  await agent.stop();
  writeFileSync(join(node.directory, 'state', 'trust-state.json'), '{"format":1,"clust');
  const again = await node.start(server.port);
  t.is(again.client.trust.value.bundles.length, 0);
  await until(() => again.client.trust.value.bundles.length === 1);
  t.true(node.logger.lines.some(({ message }) => message === 'a state file cannot be read and is ignored'));
  await again.stop();
  await server.stop();
});

test('state files that are JSON, but not what they should be, are ignored', async (t) => {
  const { server, node, agent } = await setUp();
  await agent.stop();
  const { clusterId } = node;
  for (const file of ['trust-state.json', 'session.json']) {
    const value = { format: 1, clusterId, state: { bundles: 3 }, sessionCa: 7 };
    writeFileSync(join(node.directory, 'state', file), JSON.stringify(value));
  }
  const again = await node.start(server.port);
  await until(() => again.client.status().connected);
  t.is(node.logger.lines.filter(({ message }) => message.startsWith('a state file cannot be read')).length, 2);
  await again.stop();
  await server.stop();
});

test('many changes at once end in the newest', async (t) => {
  const { server, agent } = await setUp();
  for (let revision = 2; revision <= 200; revision++) server.publishRevision(revision);
  await until(() => revisionOf(agent) === 200);
  t.true(agent.client.trust.value.version < 100);
  t.deepEqual(agent.client.trust.value.bundles, trustAt(1, 200).bundles);
  await agent.stop();
  await server.stop();
});
