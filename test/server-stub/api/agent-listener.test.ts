import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { status } from '@grpc/grpc-js';
import test from 'ava';
import { AGENT_LISTENER_LIMITS } from '../../../server-stub/src/api/agent-listener.js';
import { hasCode, SpirlError } from '../../../src/runtime/errors.js';
import { failureText } from '../../../src/issuer-client/rpc.js';
import { endpointStorage, startAgentsEndpoint, type AgentsEndpoint } from '../../fakes/agents-endpoint.js';
import { callStatus, loggedIn, rawConnection, rawLogin } from '../../fakes/raw-agent.js';
import { ShiftedClock } from '../../fakes/shifted-clock.js';
import { clusterKeyPair, TestNode, until } from '../../fakes/test-agent.js';

async function tls(server: AgentsEndpoint, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({
    host: '127.0.0.1',
    port: server.port,
    servername: 'localhost',
    ca: server.sessionCa.bootstrapPem(),
    ALPNProtocols: ['h2'],
    ...options,
  });
  socket.on('error', () => {});
  await new Promise<void>((resolve) => socket.once('secureConnect', resolve).once('close', () => resolve()));
  // Unread bytes would hide the end.
  socket.resume();
  return socket;
}

test('only TLS 1.3 with h2 is spoken', async (t) => {
  const server = await startAgentsEndpoint(endpointStorage());
  t.is((await tls(server)).getProtocol(), 'TLSv1.3');
  t.true((await tls(server, { maxVersion: 'TLSv1.2' })).destroyed);
  t.true((await tls(server, { ALPNProtocols: ['http/1.1'] })).destroyed);
  const without = await tls(server, { ALPNProtocols: [] });
  await until(() => without.closed);
  t.is(server.listener.connections, 1);
  await server.stop();
});

test('no TLS session is resumed', async (t) => {
  const server = await startAgentsEndpoint(endpointStorage());
  const first = await tls(server);
  let session: Buffer | undefined;
  first.on('session', (ticket) => (session = ticket));
  // What comes over it once HTTP/2 has begun comes after any ticket.
  const settings = once(first, 'data');
  first.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), Buffer.of(0, 0, 0, 4, 0, 0, 0, 0, 0)]));
  await settings;
  const second = await tls(server, session === undefined ? {} : { session });
  t.false(second.isSessionReused());
  await server.stop();
});

test('a renewed endpoint certificate is shown to new connections, and old ones live on', async (t) => {
  const clock = new ShiftedClock();
  const server = await startAgentsEndpoint(endpointStorage({ clock }));
  const before = await tls(server);
  clock.shiftMs = 16 * 86_400_000;
  await server.endpoint.renewIfDue();
  // Its notBefore lies in what the client thinks is the future; that is not what is tested.
  const after = await tls(server, { rejectUnauthorized: false });
  t.not(after.getPeerCertificate().fingerprint256, before.getPeerCertificate().fingerprint256);
  t.is(after.getPeerCertificate().subjectaltname, before.getPeerCertificate().subjectaltname);
  t.false(before.destroyed);
  await server.stop();
});

test('a connection that does not log in is closed after its time; a session is not', async (t) => {
  const limits = { ...AGENT_LISTENER_LIMITS, anonymousMs: 100 };
  const server = await startAgentsEndpoint(endpointStorage({ limits }));
  const socket = await tls(server);
  await until(() => socket.closed);
  await until(() => server.listener.connections === 0);
  t.pass();
  await server.stop();
});

test('an agent moves to a new connection when its own is too old, and nobody notices', async (t) => {
  const limits = { ...AGENT_LISTENER_LIMITS, ageMs: 150, ageGraceMs: 100 };
  const server = await startAgentsEndpoint(endpointStorage({ limits }));
  const node = await TestNode.of(server);
  const agent = await node.start(server.port);
  await until(() => agent.client.status().connected);
  const moves = (): number =>
    node.logger.lines.filter(({ message }) => message.startsWith('bundle stream ended')).length;
  while (moves() < 3) {
    const attributes = { 'linux.user.name': ['alice'] };
    const [svid] = await agent.client.issuer.mint([{ attributes, renewal: false }], new AbortController().signal);
    t.false(svid instanceof SpirlError, svid instanceof SpirlError ? failureText(svid) : '');
    t.true(agent.client.status().connected);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await agent.stop();
  await server.stop();
});

test('connections without a session do not take the places of agents', async (t) => {
  const limits = { ...AGENT_LISTENER_LIMITS, anonymous: 1 };
  const server = await startAgentsEndpoint(endpointStorage({ limits }));
  const first = await tls(server);
  const second = await tls(server);
  await until(() => second.closed);
  t.false(first.closed);
  first.destroy();
  await until(() => server.listener.connections === 0);
  const third = await tls(server);
  await until(() => server.listener.connections === 1);
  t.false(third.closed);
  await server.stop();
});

test('connections and handshakes have limits; what is refused harms nobody', async (t) => {
  const limits = { ...AGENT_LISTENER_LIMITS, handshakes: 2, handshakeMs: 300 };
  const server = await startAgentsEndpoint(endpointStorage({ limits }));
  const silent = [1, 2, 3].map(() => connectTcp(server.port, '127.0.0.1').on('error', () => {}));
  await until(() => silent.filter((socket) => socket.closed).length === 1);
  await until(() => silent.every((socket) => socket.closed));
  const nonsense = connectTcp(server.port, '127.0.0.1').on('error', () => {});
  nonsense.write('GET / HTTP/1.1\r\n\r\n');
  await until(() => nonsense.closed);
  const connection = rawConnection(server);
  t.is((await callStatus(connection.sessionApi, 'Renew', {})).code, status.UNAUTHENTICATED);
  connection.retire();
  await server.stop();
});

test('who has finished the handshake and then says nothing of HTTP/2 is not waited for', async (t) => {
  const limits = { ...AGENT_LISTENER_LIMITS, handshakeMs: 300 };
  const server = await startAgentsEndpoint(endpointStorage({ limits }));
  const silent = await tls(server);
  await until(() => silent.closed);
  await until(() => server.listener.connections === 0);
  t.pass();
  await server.stop();
});

test('a handshake that is under way when the endpoint stops is not waited for', async (t) => {
  const limits = { ...AGENT_LISTENER_LIMITS, handshakeMs: 600_000 };
  const server = await startAgentsEndpoint(endpointStorage({ limits }));
  const begun = connectTcp(server.port, '127.0.0.1').resume();
  await once(begun, 'connect');
  // Connections are accepted in their order: with this one, that one.
  const agent = await tls(server);
  await server.stop();
  await until(() => begun.closed && agent.closed);
  t.pass();
});

test('a request that is too long is refused, and the connection serves on', async (t) => {
  const server = await startAgentsEndpoint(endpointStorage());
  const key = clusterKeyPair();
  const { identity } = await loggedIn(server, await TestNode.of(server, 'fleet', key), key);
  const connection = rawConnection(server, identity);
  const long = { items: [{ attributes: {}, csr: Buffer.alloc(8 * 1024 * 1024) }] };
  t.deepEqual(await callStatus(connection.agentApi, 'MintX509SVIDs', long), {
    code: status.RESOURCE_EXHAUSTED,
    details: 'request: a message has at most 8388608 bytes, this one has 8388618',
  });
  t.is((await callStatus(connection.sessionApi, 'Renew', {})).code, status.INVALID_ARGUMENT);
  connection.retire();
  await server.stop();
});

test('of who has no session nothing is read but the steps of a login, and those are short', async (t) => {
  const server = await startAgentsEndpoint(endpointStorage());
  const connection = rawConnection(server);
  const long = { items: [{ attributes: {}, csr: Buffer.alloc(8 * 1024 * 1024) }] };
  t.like(await callStatus(connection.agentApi, 'MintX509SVIDs', long), { code: status.UNAUTHENTICATED });
  const login = rawLogin(connection);
  login.send({ hello: { clusterId: 'c-1', csr: Buffer.alloc(64 * 1024), agentVersion: '', nodeName: '' } });
  t.like(await t.throwsAsync(login.answer()), { code: status.RESOURCE_EXHAUSTED });
  connection.retire();
  await server.stop();
});

test('each call of an agent is counted by its type and outcome', async (t) => {
  const server = await startAgentsEndpoint(endpointStorage());
  const node = await TestNode.of(server);
  const agent = await node.start(server.port);
  await until(() => agent.client.status().connected);
  const attributes = { 'linux.user.name': ['alice'] };
  await agent.client.issuer.mint([{ attributes, renewal: false }], new AbortController().signal);
  await agent.stop();
  await until(() => server.handled.length === 3);
  t.deepEqual(server.handled.toSorted(), [
    'bidi_stream Login OK',
    'bidi_stream SyncTrustBundles Canceled',
    'unary MintX509SVIDs OK',
  ]);
  await server.stop();
});

test('a port that is taken is said so', async (t) => {
  const server = await startAgentsEndpoint(endpointStorage());
  const error = await t.throwsAsync(startAgentsEndpoint(endpointStorage(), server.port));
  t.true(hasCode(error, 'UNAVAILABLE'));
  t.is(error.message, `cannot listen for agents on 127.0.0.1:${server.port}: EADDRINUSE`);
  await server.stop();
});
