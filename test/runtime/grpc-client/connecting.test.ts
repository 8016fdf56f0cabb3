import { once } from 'node:events';
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import test from 'ava';
import { status } from '../../../src/runtime/grpc-code.js';
import { flush } from '../../fakes/fake-clock.js';
import { allGone, answer, failure, scripted } from '../../fakes/scripted-grpc-server.js';

// Attempts to connect: who may be at the address, who leaves meanwhile, and how long everybody waits.

const HELLO = Buffer.from('hello');
const never = (): AbortSignal => new AbortController().signal;

type T = Parameters<typeof scripted>[0];

/** A TCP server that does with a connection what the test wants. */
async function tcp(t: T, then: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server: Server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    then(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** A client whose server is at `port`. */
async function clientOf(t: T, port: number, more: object = {}) {
  const sockets: TLSSocket[] = [];
  const failures: unknown[] = [];
  const rig = await scripted(t, {
    connect: () => {
      const socket = connect({ host: '127.0.0.1', port, ALPNProtocols: ['h2'], rejectUnauthorized: false });
      sockets.push(socket);
      return socket;
    },
    unreachable: () => void failures.push(undefined),
    ...more,
  });
  return { ...rig, sockets, failures };
}

const NOBODY: readonly { name: string; then: (socket: Socket) => void; late?: true; details: RegExp }[] = [
  { name: 'takes the connection and says nothing', then: () => {}, late: true, details: /^no connection in time$/ },
  { name: 'hangs up', then: (socket) => socket.end(), details: /before it was ready|disconnected|ECONNRESET/ },
  {
    name: 'resets',
    then: (socket) => socket.resetAndDestroy(),
    details: /ECONNRESET|disconnected|before it was ready/,
  },
  {
    name: 'speaks HTTP/1 without TLS',
    then: (socket) => socket.write('HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n'),
    details: /wrong version number|packet length|SSL/,
  },
  {
    name: 'talks garbage',
    then: (socket) => socket.write(Buffer.alloc(4_000, 0xee)),
    details: /SSL|wrong version|packet length/,
  },
  {
    name: 'sends a part of a handshake and stops',
    then: (socket) => socket.write(Buffer.of(0x16, 3, 3, 0, 90, 2)),
    late: true,
    details: /^no connection in time$/,
  },
];
for (const { name, then, late, details } of NOBODY) {
  test(`somebody at the address who ${name}: UNAVAILABLE, in time, and nothing stays open`, async (t) => {
    const { client, clock, sockets, failures } = await clientOf(t, await tcp(t, then));
    const failed = failure(client.unary('/S/M', HELLO, never()));
    if (late === true) {
      await flush();
      await clock.advance(10_000);
    }
    const { code, details: text } = await failed;
    t.is(code, status.UNAVAILABLE);
    t.regex(text, details);
    await allGone(sockets);
    t.is(sockets.length, 1);
    t.is(failures.length, 1);
    t.is(clock.sleeping, 0);
  });
}

test('nobody at the address: told at once; for a second calls fail without an attempt, then there is another', async (t) => {
  const closed = createTcpServer().listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const { port } = closed.address() as AddressInfo;
  closed.close();
  const { client, clock, sockets } = await clientOf(t, port);
  for (let index = 0; index < 3; index++) {
    t.like(await failure(client.unary('/S/M', HELLO, never())), { code: status.UNAVAILABLE });
  }
  t.is(sockets.length, 1);
  await clock.advance(1_000);
  t.regex((await failure(client.unary('/S/M', HELLO, never()))).details, /ECONNREFUSED/);
  t.is(sockets.length, 2);
});

test('a name that is looked up for ever is given up in time', async (t) => {
  const { client, clock, sockets } = await scripted(t, {
    connect: () => connect({ host: 'server.test', port: 1, lookup: () => {} }),
  });
  const failed = failure(client.unary('/S/M', HELLO, never()));
  await flush();
  await clock.advance(10_000);
  t.like(await failed, { code: status.UNAVAILABLE, details: 'no connection in time' });
  t.is(sockets.length, 0);
});

test('TLS that is no HTTP/2 is no connection', async (t) => {
  for (const ALPNProtocols of [['http/1.1'], undefined]) {
    const { client } = await scripted(t, {}, { ALPNProtocols });
    t.is((await failure(client.unary('/S/M', HELLO, never()))).code, status.UNAVAILABLE);
  }
});

test('a server whose certificate is not trusted gets nothing', async (t) => {
  const other = await scripted(t);
  const port = other.port;
  const { client } = await scripted(t, { connect: () => connect({ host: '127.0.0.1', port, ALPNProtocols: ['h2'] }) });
  const { code, details } = await failure(client.unary('/S/M', HELLO, never()));
  t.is(code, status.UNAVAILABLE);
  t.regex(details, /certificate/);
});

test('a server that wants a certificate, and gets none, is no connection: it is not knocked at without a pause', async (t) => {
  const { client, clock, sockets } = await scripted(t, {}, { requestCert: true, rejectUnauthorized: true });
  for (let index = 0; index < 3; index++) {
    const { code, details } = await failure(client.unary('/S/M', HELLO, never()));
    t.is(code, status.UNAVAILABLE);
    t.regex(details, /certificate required/);
  }
  t.is(sockets.length, 1);
  await clock.advance(1_000);
  t.is((await failure(client.unary('/S/M', HELLO, never()))).code, status.UNAVAILABLE);
  t.is(sockets.length, 2);
});

test('a server that does not say its settings is given up in time', async (t) => {
  const { client, clock, connection, sockets } = await scripted(t);
  const failed = failure(client.unary('/S/M', HELLO, never()));
  await connection();
  const [socket] = sockets;
  while (socket?.alpnProtocol !== 'h2') await flush();
  await flush();
  await clock.advance(10_000);
  t.like(await failed, { code: status.UNAVAILABLE, details: 'no connection in time' });
  await allGone(sockets);
});

test('something else than HTTP/2 behind TLS is no connection', async (t) => {
  const { client, connection, sockets } = await scripted(t);
  const failed = failure(client.unary('/S/M', HELLO, never()));
  (await connection()).send(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'));
  t.is((await failed).code, status.UNAVAILABLE);
  await allGone(sockets);
});

test('a caller that leaves while the connection begins gets its reason; the others get the connection', async (t) => {
  const { client, connection, connections } = await scripted(t);
  const leaving = new AbortController();
  const left = client.unary('/S/M', HELLO, leaving.signal);
  const stays = client.unary('/S/M', HELLO, never());
  leaving.abort(new Error('left'));
  await t.throwsAsync(left, { message: 'left' });
  const server = (await connection()).greet();
  server.send(answer(await server.call(0)));
  t.is((await stays).toString(), 'hello');
  t.is(connections.length, 1);
  await t.throwsAsync(client.unary('/S/M', HELLO, AbortSignal.abort(new Error('was gone'))), { message: 'was gone' });
});

test('closing ends an attempt in each of its stages, and its calls once', async (t) => {
  const silent = await tcp(t, () => {});
  const stages: ((rig: Awaited<ReturnType<typeof clientOf>>) => Promise<unknown>)[] = [
    () => Promise.resolve(),
    () => flush(),
    ({ sockets }) => once(sockets[0] as TLSSocket, 'connect'),
  ];
  for (const stage of stages) {
    const rig = await clientOf(t, silent);
    const failed = failure(rig.client.unary('/S/M', HELLO, never()));
    await stage(rig);
    rig.client.close();
    t.like(await failed, { code: status.CANCELLED, details: 'the connection was closed' });
    await allGone(rig.sockets);
    t.like(await failure(rig.client.unary('/S/M', HELLO, never())), { code: status.CANCELLED });
    t.is(rig.clock.sleeping, 0);
    t.is(rig.failures.length, 0);
  }
  const greeting = await scripted(t);
  const failed = failure(greeting.client.unary('/S/M', HELLO, never()));
  await greeting.connection();
  while (greeting.sockets[0]?.alpnProtocol !== 'h2') await flush();
  greeting.client.close();
  t.is((await failed).code, status.CANCELLED);
  await allGone(greeting.sockets);
});
