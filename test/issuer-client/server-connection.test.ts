import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import test from 'ava';
import { createSessionAuthority } from '../../server-stub/src/session-ca/session-authority.js';
import { failureText } from '../../src/issuer-client/rpc.js';
import { ServerAddress } from '../../src/issuer-client/server-address.js';
import { ServerConnection, type ServerConnectionOptions } from '../../src/issuer-client/server-connection.js';
import { Renew } from '../../src/issuer-client/server-methods.js';
import { SessionGrant } from '../../src/issuer-client/wire-messages.js';
import { certificatePem } from '../../src/runtime/certificate-facts.js';
import { SpirlError } from '../../src/runtime/errors.js';
import { framed } from '../../src/runtime/grpc-frame.js';
import { FakeClock, flush } from '../fakes/fake-clock.js';
import { certificateWith } from '../fakes/raw-agent.js';
import { data, responseHeaders, scripted, trailers } from '../fakes/scripted-grpc-server.js';

const DAY = 86_400_000;
const SERVER = 'spiffe://example.org/spirl/server/tdd-1';
const never = (): AbortSignal => new AbortController().signal;
const authority = createSessionAuthority('example.org', Date.now(), DAY);

/** A server that shows a certificate with `uri`; `own`: of the session CA that the agent trusts. */
async function shown(
  t: Parameters<typeof scripted>[0],
  uri: string,
  own = true,
  usage: 'client' | 'server' = 'server',
) {
  const issuer = own ? await authority : await createSessionAuthority('example.org', Date.now(), DAY);
  const { certificateChain, privateKey } = await certificateWith(uri, { authority: issuer, usage });
  const key = `-----BEGIN PRIVATE KEY-----\n${privateKey.toString('base64')}\n-----END PRIVATE KEY-----\n`;
  return scripted(t, {}, { cert: certificateChain.map(certificatePem).join(''), key });
}

async function connectionTo(port: number, more: Partial<ServerConnectionOptions> = {}) {
  const clock = new FakeClock();
  const trusted = [Buffer.from((await authority).certificate.rawData)];
  const address = new ServerAddress(`127.0.0.1:${port}`);
  return { clock, connection: new ServerConnection({ address, clock, trusted, trustDomain: 'example.org', ...more }) };
}

async function failed(work: Promise<unknown>): Promise<SpirlError> {
  const error = await work.then(
    () => new Error('it did not fail'),
    (thrown: unknown) => thrown,
  );
  if (error instanceof SpirlError) return error;
  throw error;
}

const grant = (stream: number, agentId: string): Buffer =>
  Buffer.concat([responseHeaders(stream), data(stream, framed(SessionGrant.encode({ agentId }))), trailers(stream)]);

test('a server of the trust domain is talked to, and its name is known', async (t) => {
  const server = await shown(t, SERVER);
  const { connection } = await connectionTo(server.port);
  const renewed = connection.unary(Renew, { agentVersion: '1' }, never());
  const peer = (await server.connection()).greet();
  peer.send(grant(await peer.call(0), 'agent-1'));
  t.is((await renewed).agentId, 'agent-1');
  t.is(connection.serverName, SERVER);
  connection.retire();
  await peer.end();
});

const STRANGERS: readonly { name: string; uri: string; own?: false; usage?: 'client'; reason: RegExp }[] = [
  {
    name: 'a server of another trust domain',
    uri: 'spiffe://example.com/spirl/server/tdd-1',
    reason: /not a server of example\.org/,
  },
  { name: 'an agent', uri: 'spiffe://example.org/spirl/agent/c-1/a-1', reason: /not a server/ },
  { name: 'a workload', uri: 'spiffe://example.org/alice', reason: /not a server/ },
  { name: 'somebody without a name of this kind', uri: 'https://example.org/spirl/server/tdd-1', reason: /SPIFFE/ },
  { name: 'somebody with a certificate for clients', uri: SERVER, usage: 'client', reason: /purpose/ },
  { name: 'a server of another authority', uri: SERVER, own: false, reason: /certificate/ },
];
for (const { name, uri, own, usage, reason } of STRANGERS) {
  test(`${name} is not talked to: a reason for the operator, none for workloads`, async (t) => {
    const server = await shown(t, uri, own, usage);
    const { connection } = await connectionTo(server.port);
    const error = await failed(connection.unary(Renew, {}, never()));
    t.like(error, { code: 'UNAVAILABLE', message: 'the trust-domain server cannot be reached' });
    t.regex(failureText(error), reason);
    t.is(connection.serverName, undefined);
    connection.retire();
  });
}

test.serial('no variable of the environment makes an agent trust anybody', async (t) => {
  const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
  t.teardown(() => {
    if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before;
  });
  const server = await shown(t, SERVER, false);
  const { connection } = await connectionTo(server.port);
  t.is((await failed(connection.unary(Renew, {}, never()))).code, 'UNAVAILABLE');
  connection.retire();
});

test('an answer that is no message is told as one that could not be given', async (t) => {
  const server = await shown(t, SERVER);
  const { connection } = await connectionTo(server.port);
  const renewed = failed(connection.unary(Renew, {}, never()));
  const peer = (await server.connection()).greet();
  const stream = await peer.call(0);
  peer.send(responseHeaders(stream), data(stream, framed(Buffer.of(0x0a, 9))), trailers(stream));
  const error = await renewed;
  t.like(error, { code: 'UNAVAILABLE', message: 'the trust-domain server could not answer' });
  t.regex(failureText(error), /the message ends early/);
  connection.retire();
});

test('a retired connection ends with its last use, and is of no use after that', async (t) => {
  const server = await shown(t, SERVER);
  const { connection } = await connectionTo(server.port);
  const used = connection.use((calls) => calls.unary(Renew, {}, never()));
  const peer = (await server.connection()).greet();
  const stream = await peer.call(0);
  connection.retire();
  peer.send(grant(stream, 'agent-2'));
  t.is((await used).agentId, 'agent-2');
  await peer.end();
  t.like(await failed(connection.unary(Renew, {}, never())), { code: 'UNAVAILABLE' });
});

test('of two addresses of one name the first takes connections and says nothing: the second is found, and stays', async (t) => {
  const server = await shown(t, SERVER);
  const stopped = createServer((socket) => t.teardown(() => void socket.destroy())).listen(server.port, '127.0.0.2');
  await once(stopped, 'listening');
  t.teardown(() => void stopped.close());
  t.is((stopped.address() as AddressInfo).port, server.port);
  const address = new ServerAddress(`server.test:${server.port}`, (_host, answer) =>
    answer(null, [
      { address: '127.0.0.2', family: 4 },
      { address: '127.0.0.1', family: 4 },
    ]),
  );
  const first = await connectionTo(server.port, { address });
  const call = failed(first.connection.unary(Renew, {}, never()));
  await flush();
  await first.clock.advance(10_000);
  t.regex(failureText(await call), /no connection in time/);
  first.connection.retire();

  // Another connection of the same agent, as after a lost one.
  for (let index = 0; index < 2; index++) {
    const { connection } = await connectionTo(server.port, { address });
    const renewed = connection.unary(Renew, {}, never());
    const peer = (await server.connection(index)).greet();
    peer.send(grant(await peer.call(0), 'agent-3'));
    t.is((await renewed).agentId, 'agent-3');
    connection.retire();
  }
});

test('of two addresses of one name the first is dead: the second is tried at once', async (t) => {
  const server = await shown(t, SERVER);
  const address = new ServerAddress(`server.test:${server.port}`, (_host, answer) =>
    answer(null, [
      { address: '127.0.0.3', family: 4 },
      { address: '::1', family: 6 },
      { address: '127.0.0.1', family: 4 },
    ]),
  );
  const { connection } = await connectionTo(server.port, { address });
  const renewed = connection.unary(Renew, {}, never());
  const peer = (await server.connection()).greet();
  peer.send(grant(await peer.call(0), 'agent-4'));
  t.is((await renewed).agentId, 'agent-4');
  connection.retire();
});
