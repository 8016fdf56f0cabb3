import type { ClientDuplexStream, ServiceError } from '@grpc/grpc-js';
import test from 'ava';
import { ConnectedAgents } from '../../../server-stub/src/api/bundle-sync-agents.js';
import { endpointStorage, startAgentsEndpoint, trustAt, type AgentsEndpoint } from '../../fakes/agents-endpoint.js';
import { FakeClock, flush } from '../../fakes/fake-clock.js';
import { loggedIn, rawConnection } from '../../fakes/raw-agent.js';
import { clusterKeyPair, TestNode, until } from '../../fakes/test-agent.js';

const NEVER = new AbortController().signal;
type Sync = ClientDuplexStream<object, { version: number; deployments: { revision: number }[] }>;

const session = (agentId: string) => ({
  agentId,
  clusterId: 'c-1',
  clusterName: 'fleet',
  clusterVersionId: 'cv-1',
  expiresAt: Infinity,
});

async function openStream(server: AgentsEndpoint) {
  const key = clusterKeyPair();
  const node = await TestNode.of(server, `fleet-${Math.random().toString(36).slice(2)}`, key);
  const { identity, agentId } = await loggedIn(server, node, key);
  const connection = rawConnection(server, identity);
  const open = connection.agentApi['SyncTrustBundles'] as unknown as () => Sync;
  const stream = open.call(connection.agentApi);
  const ended = new Promise<ServiceError>((resolve) => stream.on('error', resolve));
  stream.write({});
  await until(() => server.connected.list().has(agentId));
  return { stream, ended, agentId, node, connection, open };
}

test('publishing waits for those who are connected, at most 10 s', async (t) => {
  const clock = new FakeClock();
  const agents = new ConnectedAgents(clock);
  const [quick, stuck] = [agents.open(session('a-quick'), () => {}), agents.open(session('a-stuck'), () => {})];
  for (const stream of [quick, stuck]) stream.sent(1, 7);
  let published = false;
  const waiting = agents.published(7, NEVER).then(() => (published = true));
  agents.acknowledged(quick, 1, {});
  await clock.advance(9_999);
  t.false(published);
  await clock.advance(1);
  t.true(published);
  await waiting;
  t.is(clock.sleeping, 0);
});

test('an agent that goes away, and one that comes later, are not waited for', async (t) => {
  const agents = new ConnectedAgents(new FakeClock());
  const going = agents.open(session('a-1'), () => {});
  const waiting = agents.published(7, NEVER);
  agents.open(session('a-2'), () => {});
  agents.close(going);
  await waiting;
  t.pass();
});

test('an acknowledgement covers what was sent before it, and nothing after it', async (t) => {
  const agents = new ConnectedAgents(new FakeClock());
  const stream = agents.open(session('a-1'), () => {});
  stream.sent(1, 5);
  stream.sent(2, 6);
  stream.sent(3, 7);
  agents.acknowledged(stream, 2, { ks_a: 4 });
  t.is(stream.acknowledgedRevision, 6);
  agents.acknowledged(stream, 99, { ks_a: 4 });
  t.is(stream.acknowledgedRevision, 7);
  await agents.published(7, NEVER);
  t.deepEqual(agents.svidsPerKeyset(), { ks_a: 4 });
});

test('who waits for publishing can be interrupted', async (t) => {
  const agents = new ConnectedAgents(new FakeClock());
  agents.open(session('a-1'), () => {});
  const stop = new AbortController();
  const waiting = agents.published(7, stop.signal);
  await flush();
  stop.abort(new Error('stopped'));
  await t.throwsAsync(waiting, { message: 'stopped' });
});

test('a slow agent has one unsent message at most, and then gets the newest', async (t) => {
  const server = await startAgentsEndpoint(endpointStorage());
  const authorities = [{ certificate: Buffer.alloc(400_000) }];
  const large = (revision: number) => {
    const state = trustAt(server.trust.value.version + 1, revision);
    return { ...state, bundles: state.bundles.map((bundle) => ({ ...bundle, x509Authorities: authorities })) };
  };
  server.trust.publish(large(2));
  const { stream, connection } = await openStream(server);
  for (let revision = 3; revision <= 60; revision++) {
    server.trust.publish(large(revision));
    await flush();
  }
  const revisions: number[] = [];
  stream.on('data', (message: { deployments: { revision: number }[] }) => {
    revisions.push(message.deployments[0]?.revision ?? 0);
  });
  await until(() => revisions.at(-1) === 60);
  // The client library takes up to 16 before it stops reading; without the bound all 59 would have been sent.
  t.true(revisions.length < 25, `${revisions.length} messages`);
  t.deepEqual(
    revisions,
    [...revisions].sort((a, b) => a - b),
  );
  stream.cancel();
  connection.retire();
  await server.stop();
});

test('an eviction ends the open stream with its reason', async (t) => {
  const server = await startAgentsEndpoint(endpointStorage());
  const { ended, agentId, stream, connection } = await openStream(server);
  const bystander = await openStream(server);
  stream.resume();
  await server.clusters.evict(agentId);
  t.like(await ended, { code: 16, details: 'this agent was evicted' });
  await until(() => !server.connected.list().has(agentId));
  t.true(server.connected.list().has(bystander.agentId));
  bystander.stream.cancel();
  bystander.connection.retire();
  connection.retire();
  await server.stop();
});

test('a newer stream of the same agent ends the older', async (t) => {
  const server = await startAgentsEndpoint(endpointStorage());
  const { ended, agentId, stream, connection, open } = await openStream(server);
  stream.resume();
  const newer = open.call(connection.agentApi);
  newer.on('error', () => {});
  newer.write({});
  newer.resume();
  t.like(await ended, { code: 14, details: 'this agent has opened a newer stream' });
  t.true(server.connected.list().has(agentId));
  newer.end();
  await until(() => !server.connected.list().has(agentId));
  connection.retire();
  await server.stop();
});
