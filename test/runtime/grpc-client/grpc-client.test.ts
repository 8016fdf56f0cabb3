import { once } from 'node:events';
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { connect, TLSSocket } from 'node:tls';
import test from 'ava';
import { status } from '../../../src/runtime/grpc-code.js';
import { flush } from '../../fakes/fake-clock.js';
import { CODE, FRAME, setting } from '../../fakes/raw-grpc.js';
import {
  answer,
  data,
  everyMessage,
  failure,
  goAway,
  responseHeaders,
  scripted,
} from '../../fakes/scripted-grpc-server.js';
import { framed } from '../../../src/runtime/grpc-frame.js';
import { frame } from '../../workload-api/raw-http2.js';

// Connections: how they begin, how they end, and what becomes of the calls.

const HELLO = Buffer.from('hello');
const never = (): AbortSignal => new AbortController().signal;
const SETTINGS_OF = (maxCalls: number): Buffer => frame(FRAME.SETTINGS, 0, 0, setting(3, maxCalls));

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

/** Resolves when every socket is gone. */
async function allGone(sockets: readonly TLSSocket[]): Promise<void> {
  for (const socket of sockets) if (!socket.closed) await once(socket, 'close').catch(() => {});
}

test('calls share a connection, and what is not needed is not opened', async (t) => {
  const { client, connection, connections } = await scripted(t);
  const calls = [1, 2, 3].map(() => client.unary('/S/M', HELLO, never()));
  const server = (await connection()).greet();
  for (const index of [0, 1, 2]) server.send(answer(await server.call(index), String(index)));
  t.deepEqual((await Promise.all(calls)).map(String), ['0', '1', '2']);
  t.is(connections.length, 1);
});

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

test('closing ends what is under way, and the connection', async (t) => {
  const { client, connection, sockets, clock } = await scripted(t);
  const failed = failure(client.unary('/S/M', HELLO, never()));
  const opening = client.open('/S/M', never());
  const server = (await connection()).greet();
  const ended = failure(everyMessage(await opening));
  await server.call(1);
  client.close();
  t.is((await failed).code, status.UNAVAILABLE);
  t.is((await ended).code, status.UNAVAILABLE);
  await server.end();
  await allGone(sockets);
  await flush();
  t.is(clock.sleeping, 0);
});

test('closing does not wait for a server that no longer reads nor closes', async (t) => {
  const { client, clock, connection, sockets } = await scripted(t);
  const answered = client.unary('/S/M', HELLO, never());
  const server = (await connection()).greet();
  const stream = await server.call(0);
  server.socket.pause();
  server.send(answer(stream), goAway(stream));
  await answered;
  client.close();
  await flush();
  await clock.advance(1_000);
  await allGone(sockets);
  t.is(clock.sleeping, 0);
});

test('a connection that the server has left to end is not kept when the server does not close it', async (t) => {
  const { client, clock, connection, sockets } = await scripted(t);
  const answered = client.unary('/S/M', HELLO, never());
  const server = (await connection()).greet();
  const stream = await server.call(0);
  server.socket.pause();
  server.send(answer(stream), goAway(stream));
  await answered;
  while (sockets[0]?.writableEnded !== true) await flush();
  await clock.advance(20_000);
  await allGone(sockets);
  t.is(clock.sleeping, 0);
});

test('a server that is silent is pinged, without calls too; one that does not answer is gone with its calls', async (t) => {
  const { client, clock, connection, sockets } = await scripted(t);
  const opening = client.open('/S/M', never());
  const server = (await connection()).greet();
  const call = await opening;
  for (let round = 1; round <= 3; round++) {
    await clock.advance(20_000);
    const pings = () => server.frames.filter(({ type, flags }) => type === FRAME.PING && flags === 0);
    await server.until(() => pings().length === round);
    server.send(frame(FRAME.PING, 1, 0, pings().at(-1)?.payload));
    // Its answer is there once the limit of its time has been called off.
    while (clock.sleeping !== 1) await flush();
  }
  const failed = failure(everyMessage(call));
  await clock.advance(20_000);
  while (clock.sleeping !== 1) await flush();
  await clock.advance(9_999);
  t.false(sockets[0]?.destroyed);
  await clock.advance(1);
  t.like(await failed, { code: status.UNAVAILABLE, details: 'the server does not answer' });
  await allGone(sockets);
  t.is(clock.sleeping, 0);
});

test('the same when more was written than the network takes', async (t) => {
  const { client, clock, connection, sockets } = await scripted(t);
  const opening = client.open('/S/M', never());
  // Windows as large as there are: everything goes out, and stays in the buffers of the network.
  const server = (await connection()).greet(frame(FRAME.SETTINGS, 0, 0, setting(4, 0x7fffffff)));
  server.send(frame(FRAME.WINDOW_UPDATE, 0, 0, Buffer.of(0x7f, 0xff, 0, 0)));
  const call = await opening;
  await server.call(0);
  server.socket.pause();
  for (let part = 0; part < 200; part++) call.send(Buffer.alloc(100_000));
  const failed = failure(everyMessage(call));
  await flush();
  await clock.advance(30_000);
  t.is((await failed).code, status.UNAVAILABLE);
  await allGone(sockets);
  t.is(clock.sleeping, 0);
});

test('a server that goes: calls under way end there, those that it has not seen go to the next connection', async (t) => {
  const { client, clock, connection } = await scripted(t);
  const seen = client.unary('/S/M', HELLO, never());
  const old = (await connection()).greet(SETTINGS_OF(2));
  const stream = await old.call(0);
  // The third waits within the client, the server admits two.
  const [unseen, queued] = [client.unary('/S/M', HELLO, never()), client.unary('/S/M', HELLO, never())];
  await old.call(1);
  await flush();
  t.is(old.frames.filter(({ type }) => type === FRAME.HEADERS).length, 2);
  await clock.advance(5_000);
  old.send(goAway(stream));
  const next = (await connection(1)).greet();
  next.send(answer(await next.call(0), 'next'), answer(await next.call(1), 'next'));
  t.deepEqual((await Promise.all([unseen, queued])).map(String), ['next', 'next']);
  old.send(answer(stream, 'old'));
  t.is((await seen).toString(), 'old');
  await old.end();
});

test('a server that announces its end first, and later what it has seen, loses no call', async (t) => {
  const { client, clock, connection } = await scripted(t);
  const first = client.unary('/S/M', HELLO, never());
  const old = (await connection()).greet();
  const stream = await old.call(0);
  await clock.advance(5_000);
  old.send(goAway(0x7fffffff));
  await old.until(() => old.frames.some(({ type }) => type === FRAME.GOAWAY));
  const second = client.unary('/S/M', HELLO, never());
  const next = (await connection(1)).greet();
  next.send(answer(await next.call(0), 'next'));
  old.send(goAway(stream), answer(stream, 'old'));
  t.deepEqual((await Promise.all([first, second])).map(String), ['old', 'next']);
});

test('a server that greets and goes is asked again no faster than once a second', async (t) => {
  const { client, clock, connection, sockets } = await scripted(t);
  const failed = failure(client.unary('/S/M', HELLO, never()));
  for (let index = 0; index < 3; index++) {
    const server = (await connection(index)).greet();
    await server.call(0);
    server.send(goAway(0));
    await allGone(sockets);
    if (index === 2) break;
    while (clock.sleeping === 0) await flush();
    await clock.advance(999);
    t.is(sockets.length, index + 1);
    await clock.advance(1);
  }
  t.like(await failed, { code: status.UNAVAILABLE, unseen: true });
});

test('a server that goes in anger takes its calls with it, and the next call has a connection of its own', async (t) => {
  const { client, clock, connection } = await scripted(t);
  const first = client.unary('/S/M', HELLO, never());
  const old = (await connection()).greet();
  old.send(goAway(await old.call(0), CODE.CALM));
  t.is((await failure(first)).code, status.UNAVAILABLE);
  await clock.advance(1_000);
  const second = client.unary('/S/M', HELLO, never());
  const next = (await connection(1)).greet();
  next.send(answer(await next.call(0)));
  t.is((await second).toString(), 'hello');
});

test('a connection that dies within a message fails its calls once, as UNAVAILABLE', async (t) => {
  const { client, connection } = await scripted(t);
  const first = client.unary('/S/M', HELLO, never());
  const opening = client.open('/S/M', never());
  const server = (await connection()).greet();
  const call = await opening;
  const [one, two] = [await server.call(0), await server.call(1)];
  server.send(
    responseHeaders(one),
    data(one, framed(HELLO).subarray(0, 7)),
    responseHeaders(two),
    data(two, framed(HELLO)),
  );
  const messages = call.messages();
  t.is((await messages.next()).value?.toString(), 'hello');
  server.socket.destroy();
  t.like(await failure(first), { code: status.UNAVAILABLE, unseen: false });
  t.is((await failure(messages.next())).code, status.UNAVAILABLE);
});

test('a call that waits for the server to admit it can be left, and costs nobody else anything', async (t) => {
  const { client, connection, connections } = await scripted(t);
  const first = client.unary('/S/M', HELLO, never());
  const server = (await connection()).greet(SETTINGS_OF(1));
  const stream = await server.call(0);
  const leaving = new AbortController();
  const left = client.unary('/S/M', HELLO, leaving.signal);
  const waiting = await client.open('/S/M', leaving.signal);
  const ended = failure(everyMessage(waiting));
  await flush();
  leaving.abort(new Error('left'));
  await t.throwsAsync(left, { message: 'left' });
  t.is((await ended).code, status.CANCELLED);
  server.send(answer(stream));
  t.is((await first).toString(), 'hello');
  const next = client.unary('/S/M', HELLO, never());
  server.send(answer(await server.call(1)));
  t.is((await next).toString(), 'hello');
  t.is(connections.length, 1);
});

test('a signal that aborts in the very moment of the connection still ends the call', async (t) => {
  const { client, connection } = await scripted(t);
  client.warm();
  const server = (await connection()).greet();
  const first = client.unary('/S/M', HELLO, never());
  server.send(answer(await server.call(0)));
  await first;
  for (let turns = 0; turns < 12; turns++) {
    const leaving = new AbortController();
    const left = client.unary('/S/M', HELLO, leaving.signal);
    let turn = Promise.resolve();
    for (let one = 0; one < turns; one++) turn = turn.then(() => {});
    void turn.then(() => leaving.abort(new Error('left')));
    await t.throwsAsync(left, { message: 'left' });
  }
});

test('what a hundred connections leave behind is nothing', async (t) => {
  const { client, clock, connection, sockets } = await scripted(t);
  const signal = never();
  for (let index = 0; index < 100; index++) {
    const answered = client.unary('/S/M', HELLO, signal);
    const server = (await connection(index)).greet();
    const stream = await server.call(0);
    server.send(answer(stream));
    await answered;
    if (index % 2 === 0) server.send(goAway(stream));
    else server.socket.destroy();
    await server.end();
    await allGone(sockets.slice(index));
    await clock.advance(1_000);
  }
  t.is(sockets.filter(({ destroyed }) => !destroyed).length, 0);
  t.is(clock.sleeping, 0);
});
