import { status, type ServiceError } from '@grpc/grpc-js';
import test from 'ava';
import { endpointStorage, startAgentsEndpoint, type AgentsEndpoint } from '../../fakes/agents-endpoint.js';
import {
  callStatus,
  certificateWith,
  loggedIn,
  loginSteps,
  rawConnection,
  rawLogin,
  type Identity,
} from '../../fakes/raw-agent.js';
import { ShiftedClock } from '../../fakes/shifted-clock.js';
import { clusterKeyPair, TestNode } from '../../fakes/test-agent.js';

const mint = { items: [{ attributes: { 'linux.user.name': { values: ['alice'] } } }] };

async function setUp() {
  const clock = new ShiftedClock();
  const server = await startAgentsEndpoint(endpointStorage({ clock }));
  const key = clusterKeyPair();
  const node = await TestNode.of(server, 'fleet', key);
  return { server, node, key, clock };
}

/** What each method of an agent's session says to a caller with this certificate. */
async function refusalsOf(server: AgentsEndpoint, identity?: Identity) {
  const connection = rawConnection(server, identity);
  const answers = [
    await callStatus(connection.agentApi, 'MintX509SVIDs', mint),
    await callStatus(connection.agentApi, 'MintJWTSVIDs', mint),
    await callStatus(connection.agentApi, 'ResolveIdentities', mint),
    await callStatus(connection.sessionApi, 'Renew', {}),
  ];
  connection.retire();
  return answers;
}

const table: {
  name: string;
  reason: RegExp;
  identity: (at: Awaited<ReturnType<typeof setUp>>) => Promise<Identity | undefined>;
}[] = [
  {
    name: 'a caller without a certificate can do nothing but log in',
    reason: /no session certificate was shown: log in first/,
    identity: () => Promise.resolve(undefined),
  },
  {
    name: "a workload's SVID is no agent",
    reason: /not from this deployment's session CA/,
    identity: () => certificateWith('spiffe://example.org/alice'),
  },
  {
    name: "a foreign CA's certificate with an agent's name is no agent",
    reason: /not from this deployment's session CA/,
    identity: async ({ server, node, key }) => {
      const { agentId } = await loggedIn(server, node, key);
      return certificateWith(`spiffe://example.org/spirl/agent/${node.clusterId}/${agentId}`);
    },
  },
  {
    name: 'an expired session certificate is refused',
    reason: /the session certificate has expired/,
    identity: async ({ server, node, key, clock }) => {
      const { identity } = await loggedIn(server, node, key);
      clock.shiftMs = 25 * 3_600_000;
      return identity;
    },
  },
  {
    name: 'an evicted agent is refused',
    reason: /this agent was evicted/,
    identity: async ({ server, node, key }) => {
      const { identity, agentId } = await loggedIn(server, node, key);
      await server.clusters.evict(agentId);
      return identity;
    },
  },
  {
    name: 'an agent whose cluster key was deleted is refused',
    reason: /the cluster key that this session was opened with has been deleted/,
    identity: async ({ server, node, key }) => {
      const { identity } = await loggedIn(server, node, key);
      await server.clusters.deleteKey(node.clusterId, node.clusterVersionId);
      return identity;
    },
  },
];

for (const { name, reason, identity } of table) {
  test(name, async (t) => {
    const at = await setUp();
    for (const { code, details } of await refusalsOf(at.server, await identity(at))) {
      t.is(code, status.UNAUTHENTICATED);
      t.regex(details, reason);
    }
    t.deepEqual(at.server.issued, []);
    t.deepEqual(at.server.unexpected, []);
    await at.server.stop();
  });
}

test('a session that expires on an open connection is refused from then on', async (t) => {
  const { server, node, key, clock } = await setUp();
  const { identity } = await loggedIn(server, node, key);
  const connection = rawConnection(server, identity);
  t.is((await callStatus(connection.agentApi, 'MintX509SVIDs', mint)).code, status.OK);
  clock.shiftMs = 24 * 3_600_000;
  const refused = await callStatus(connection.agentApi, 'MintX509SVIDs', mint);
  t.deepEqual(refused, { code: status.UNAUTHENTICATED, details: 'the session has expired: log in again' });
  connection.retire();
  await server.stop();
});

test('a login that was overheard is of no use on another stream', async (t) => {
  const { server, node, key } = await setUp();
  const connection = rawConnection(server);
  const steps = await loginSteps(node, key);
  const login = rawLogin(connection);
  login.send(steps.hello);
  const { challenge } = await login.answer();
  if (!challenge) throw new Error('no challenge');
  const proof = steps.proof(challenge);
  login.send(proof);
  t.truthy((await login.answer()).grant);

  const replayed = rawLogin(connection);
  replayed.send(steps.hello);
  await replayed.answer();
  replayed.send(proof);
  const error = await t.throwsAsync<ServiceError>(replayed.answer());
  t.is(error.code, status.UNAUTHENTICATED);
  t.regex(error.details, /the cluster key proof was not accepted/);
  t.is(server.clusters.listAgents().length, 1);
  connection.retire();
  await server.stop();
});

test('a foreign cluster key, another cluster and an unknown cluster are told the same', async (t) => {
  const { server, node, key } = await setUp();
  const other = await TestNode.of(server, 'other', clusterKeyPair());
  const tries = [
    await loginSteps(node, clusterKeyPair()),
    await loginSteps(other, key),
    await loginSteps({ clusterId: 'c-unknown', clusterVersionId: 'cv-unknown' }, key),
  ];
  const sentences = new Set<string>();
  for (const steps of tries) {
    const connection = rawConnection(server);
    const login = rawLogin(connection);
    login.send(steps.hello);
    const { challenge } = await login.answer();
    if (challenge) login.send(steps.proof(challenge));
    const error = await t.throwsAsync<ServiceError>(login.answer());
    t.is(error.code, status.UNAUTHENTICATED);
    sentences.add(error.details);
    connection.retire();
  }
  t.is(sentences.size, 1);
  t.is(server.clusters.listAgents().length, 0);
  await server.stop();
});

test('a proof before its challenge, and a certificate request that is none, are refused', async (t) => {
  const { server, node, key } = await setUp();
  const connection = rawConnection(server);
  const early = rawLogin(connection);
  early.send({ proof: { clusterVersionId: node.clusterVersionId, signature: Buffer.alloc(64) } });
  t.is((await t.throwsAsync<ServiceError>(early.answer())).code, status.INVALID_ARGUMENT);

  const { identity } = await loggedIn(server, node, key);
  const session = rawConnection(server, identity);
  const renewal = await callStatus(session.sessionApi, 'Renew', { csr: Buffer.from('nonsense') });
  t.deepEqual(renewal, {
    code: status.INVALID_ARGUMENT,
    details: 'the certificate request is not a PKCS#10 request in DER',
  });
  connection.retire();
  session.retire();
  t.deepEqual(server.unexpected, []);
  await server.stop();
});

test('an agent of one cluster is issued for with that cluster, whatever it says', async (t) => {
  const { server, node, key } = await setUp();
  const { identity } = await loggedIn(server, node, key);
  const connection = rawConnection(server, identity);
  const call = connection.agentApi['MintX509SVIDs'] as unknown as (
    request: object,
    done: (error: unknown, response: { results: { status: { code: number; message: string } }[] }) => void,
  ) => void;
  const items = ['cluster.name', 'cluster', 'node_group.name'].map((name) => ({
    attributes: { 'linux.user.name': { values: ['alice'] }, [name]: { values: ['other'] } },
  }));
  const { results } = await new Promise<{ results: { status: { code: number; message: string } }[] }>((resolve) => {
    call.call(connection.agentApi, { items: [...items, ...mint.items] }, (_error, response) => resolve(response));
  });
  t.deepEqual(
    results.map((one) => one.status.code),
    [status.INVALID_ARGUMENT, status.INVALID_ARGUMENT, status.INVALID_ARGUMENT, status.OK],
  );
  t.is(results[0]?.status.message, 'attribute cluster.name comes from the session, never from the agent');
  t.is(server.issued.length, 1);
  connection.retire();
  await server.stop();
});

test('a session certificate opens nothing of the admin API, which is not on the agents’ endpoint', async (t) => {
  const { server, node, key } = await setUp();
  const { identity } = await loggedIn(server, node, key);
  const connection = rawConnection(server, identity);
  for (const method of [
    'trustdomain.API/PrepareDeploymentKeySet',
    'cluster.API/EvictAgent',
    'config.API/UpdateConfig',
  ]) {
    const refused = await new Promise<ServiceError | null>((resolve) => {
      const path = `/com.spirl.api.v1.${method}`;
      const bytes = (): Buffer => Buffer.alloc(0);
      connection.agentApi.makeUnaryRequest(path, bytes, bytes, {}, (error) => resolve(error));
    });
    t.is(refused?.code, status.UNIMPLEMENTED, method);
  }
  connection.retire();
  await server.stop();
});
