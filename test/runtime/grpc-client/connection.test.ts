import test from 'ava';
import { status } from '../../../src/runtime/grpc-code.js';
import { framed } from '../../../src/runtime/grpc-frame.js';
import { flush } from '../../fakes/fake-clock.js';
import { CODE, FRAME, setting } from '../../fakes/raw-grpc.js';
import {
  allGone,
  answer,
  data,
  everyMessage,
  failure,
  goAway,
  responseHeaders,
  scripted,
  trailers,
} from '../../fakes/scripted-grpc-server.js';
import { frame } from '../../workload-api/raw-http2.js';

// Connections that are there: what shares them, how they end, and what becomes of the calls.

const HELLO = Buffer.from('hello');
const never = (): AbortSignal => new AbortController().signal;
const SETTINGS_OF = (maxCalls: number): Buffer => frame(FRAME.SETTINGS, 0, 0, setting(3, maxCalls));

async function rest(messages: AsyncIterable<Buffer>): Promise<number> {
  let count = 0;
  for await (const message of messages) count += message.length;
  return count;
}

test('calls share a connection, and what is not needed is not opened', async (t) => {
  const { client, connection, connections } = await scripted(t);
  const calls = [1, 2, 3].map(() => client.unary('/S/M', HELLO, never()));
  const server = (await connection()).greet();
  for (const index of [0, 1, 2]) server.send(answer(await server.call(index), String(index)));
  t.deepEqual((await Promise.all(calls)).map(String), ['0', '1', '2']);
  t.is(connections.length, 1);
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

/** A client whose server has answered, said that it goes, and neither reads nor closes; the client has ended its side. */
async function leftByServer(t: Parameters<typeof scripted>[0]) {
  const { client, clock, connection, sockets } = await scripted(t);
  const answered = client.unary('/S/M', HELLO, never());
  const server = (await connection()).greet();
  const stream = await server.call(0);
  server.socket.pause();
  server.send(answer(stream), goAway(stream));
  await answered;
  while (sockets[0]?.writableEnded !== true) await flush();
  return { client, clock, sockets };
}

test('closing does not wait for a server that no longer reads nor closes', async (t) => {
  const { client, clock, sockets } = await leftByServer(t);
  client.close();
  await flush();
  t.false(sockets[0]?.destroyed);
  await clock.advance(1_000);
  await allGone(sockets);
  t.is(clock.sleeping, 0);
});

test('a connection that the server has left to end is not kept when the server does not close it', async (t) => {
  const { clock, sockets } = await leftByServer(t);
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
    // What is answered after it tells that the client has it.
    const other = client.unary('/S/M', HELLO, never());
    server.send(answer(await server.call(round)));
    await other;
    await flush();
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

test('an answer is not whole when the connection goes before it was read, though its OK had come', async (t) => {
  const { client, connection, sockets } = await scripted(t);
  const opening = client.open('/S/M', never());
  const server = (await connection()).greet();
  const call = await opening;
  const stream = await server.call(0);
  const frames = Array.from({ length: 60 }, () => data(stream, framed(Buffer.alloc(15_000))));
  server.send(responseHeaders(stream), ...frames, trailers(stream));
  const messages = call.messages();
  await messages.next();
  const other = client.unary('/S/M', HELLO, never());
  server.send(answer(await server.call(1)));
  await other;
  server.socket.destroy();
  await allGone(sockets);
  t.like(await failure(rest(messages)), { code: status.UNAVAILABLE });
});

test('an answer that cannot be read is a failure, though its OK had come', async (t) => {
  const { client, connection } = await scripted(t);
  const opening = client.open('/S/M', never());
  const server = (await connection()).greet();
  const call = await opening;
  const stream = await server.call(0);
  server.send(responseHeaders(stream), data(stream, framed(HELLO)), data(stream, Buffer.of(0, 0x7f, 0, 0, 0)));
  server.send(trailers(stream));
  const other = client.unary('/S/M', HELLO, never());
  server.send(answer(await server.call(1)));
  await other;
  t.like(await failure(rest(call.messages())), { code: status.RESOURCE_EXHAUSTED });
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
