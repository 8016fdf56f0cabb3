import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { status } from '@grpc/grpc-js';
import test from 'ava';
import { framed } from '../../src/runtime/grpc-frame.js';
import { UNOBSERVED } from '../../src/runtime/rpc-observer.js';
import {
  EMPTY_MESSAGE,
  frame,
  indexedName,
  newName,
  plainString,
  PREFACE,
  RawClient,
  requestBlock,
  SETTINGS,
} from './raw-http2.js';
import { contextOf, openDescriptors, Stage, textOf, until } from './stage.js';

const REQUEST = frame(1, 4, 1, requestBlock(indexedName(1, plainString('localhost'))));
const CALL = Buffer.concat([PREFACE, SETTINGS, REQUEST, frame(0, 1, 1, EMPTY_MESSAGE)]);
/** Long enough for a good client on a busy machine. */
const SHORT = { openingMs: 1_500, requestMs: 1_500, keepaliveMs: 1_000, keepaliveTimeoutMs: 1_500 };

async function connected(path: string, count: number): Promise<Socket[]> {
  const sockets = Array.from({ length: count }, () => connect({ path, allowHalfOpen: true }).on('error', () => {}));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  return sockets;
}

const HOSTILE: { name: string; act: (socket: Socket) => void }[] = [
  { name: 'HTTP/1', act: (socket) => void socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n') },
  { name: 'random bytes', act: (socket) => void socket.write(Buffer.alloc(1_000, 0x5a)) },
  { name: 'nothing', act: () => {} },
  { name: 'nothing, half-closed', act: (socket) => void socket.end() },
  { name: 'half a preface', act: (socket) => void socket.write(PREFACE.subarray(0, 10)) },
  { name: 'a preface, half-closed', act: (socket) => void socket.end(Buffer.concat([PREFACE, SETTINGS])) },
  { name: 'a call, half-closed', act: (socket) => void socket.end(CALL) },
  { name: 'a call, then garbage', act: (socket) => void socket.write(Buffer.concat([CALL, Buffer.alloc(999, 0xff)])) },
  { name: 'a call whose request never comes', act: (s) => void s.write(Buffer.concat([PREFACE, SETTINGS, REQUEST])) },
  { name: 'a call, then never reading', act: (socket) => void socket.pause().write(CALL) },
  { name: 'a call, then gone', act: (socket) => void socket.write(CALL, () => socket.destroy()) },
];

test.serial(
  'hundreds of hostile clients of every kind are gone without a trace, and another is served meanwhile',
  async (t) => {
    const stage = await Stage.open(t, { limits: SHORT });
    const good = stage.client().stream('FetchX509SVID');
    await good.at(0);
    const before = openDescriptors();
    const hostile: Socket[] = [];
    for (const { act } of HOSTILE) {
      const sockets = await connected(stage.socketPath, 50);
      for (const socket of sockets) act(socket);
      hostile.push(...sockets);
    }
    const other = stage.client().stream('FetchX509SVID');
    await other.at(0);
    stage.sources.deliver(contextOf('meanwhile'));
    t.is(textOf(await good.at(1)), 'meanwhile');
    await until(() => stage.api.connections === 2 && stage.api.openCalls === 2);
    for (const socket of hostile) socket.destroy();
    // One of the two good ones came later: its socket at both ends, its directory and its pidfd.
    await until(() => openDescriptors() <= before + 4);
    t.deepEqual(stage.unexpected, []);
  },
);

const AUTHORITY = indexedName(1, plainString('localhost'));
const RESET = frame(3, 0, 1, Buffer.from([0, 0, 0, 8]));
const RESET_AT_ONCE: Readonly<Record<string, Buffer>> = {
  'a call': requestBlock(AUTHORITY),
  'a call of no method': requestBlock(AUTHORITY, 'Nothing'),
  'a GET': Buffer.concat([Buffer.from([0x82]), requestBlock(AUTHORITY).subarray(1)]),
  'no gRPC': Buffer.concat([Buffer.from([0x83, 0x86]), indexedName(4, plainString('/')), AUTHORITY]),
};
for (const [name, block] of Object.entries(RESET_AT_ONCE)) {
  test.serial(`${name}, reset in the same breath, harms nobody and leaves nothing behind`, async (t) => {
    const stage = await Stage.open(t);
    const client = new RawClient(stage.socketPath);
    client.send(PREFACE, SETTINGS, frame(1, 4, 1, block), RESET);
    client.send(frame(1, 4, 3, requestBlock(AUTHORITY)), frame(0, 1, 3, EMPTY_MESSAGE));
    await client.wait(({ type, stream }) => type === 0 && stream === 3);
    t.is(stage.api.openCalls, 1);
    client.socket.destroy();
    await until(() => stage.api.openCalls === 0 && stage.api.connections === 0);
    t.deepEqual(stage.unexpected, []);
  });
}

test.serial('answers that nobody reads are not made: a client of reflection asks on and on', async (t) => {
  let sent = 0;
  const stage = await Stage.open(t, { observer: { ...UNOBSERVED, sent: () => void (sent += 1) } });
  const client = new RawClient(stage.socketPath);
  const path = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
  const block = Buffer.concat([
    Buffer.from([0x83, 0x86]),
    indexedName(4, plainString(path)),
    AUTHORITY,
    newName('content-type', 'application/grpc'),
  ]);
  // The client's window has no room for a single answer; its 2,000 questions fit the server's.
  const noRoom = frame(4, 0, 0, Buffer.from([0, 4, 0, 0, 0, 0]));
  const questions = Buffer.concat(Array.from({ length: 2_000 }, () => framed(Buffer.from([0x3a, 0]))));
  client.send(PREFACE, noRoom, frame(1, 4, 1, block), frame(0, 0, 1, questions));
  await until(() => sent > 0);
  const other = stage.client().stream('FetchX509SVID');
  await other.at(0);
  t.is(sent, 2);
  client.socket.destroy();
});

test.serial('killed clients leave nothing behind', async (t) => {
  const stage = await Stage.open(t);
  const before = openDescriptors();
  const script = `
    const [call, path] = [Buffer.from(${JSON.stringify(CALL.toString('hex'))}, 'hex'), ${JSON.stringify(stage.socketPath)}];
    for (let i = 0; i < 100; i++) require('net').connect(path).on('error', () => {}).write(call);`;
  const children = [1, 2, 3].map(() => spawn(process.execPath, ['-e', script], { stdio: 'ignore' }));
  await until(() => stage.api.openCalls === 300);
  t.true(stage.api.connections === 300);
  stage.sources.deliver(contextOf('in the middle'));
  for (const child of children) child.kill('SIGKILL');
  await until(() => stage.api.connections === 0 && stage.api.openCalls === 0 && openDescriptors() <= before);
  t.is(stage.sources.watching.size, 0);
});

test.serial('a stopped client is noticed and its connection closed', async (t) => {
  const stage = await Stage.open(t, { limits: SHORT });
  const script = `require('net').connect(${JSON.stringify(stage.socketPath)}).write(Buffer.from(${JSON.stringify(CALL.toString('hex'))}, 'hex'))`;
  const child = spawn(process.execPath, ['-e', script], { stdio: 'ignore' });
  t.teardown(() => child.kill('SIGKILL'));
  await until(() => stage.api.openCalls === 1);
  child.kill('SIGSTOP');
  await until(() => stage.api.connections === 0 && stage.api.openCalls === 0);
  t.pass();
});

test.serial(
  'a client that reads nothing is kept at one message, and gets the newest when it reads again',
  async (t) => {
    const stage = await Stage.open(t);
    // Each message is larger than all windows and buffers on the way, so no more than one can be on it.
    const size = 1_000_000;
    stage.sources.context = contextOf('0', size);
    const stream = stage.client().stream('FetchX509SVID');
    await stream.at(0);
    stream.call.pause();
    for (let version = 1; version <= 100; version++) {
      stage.sources.deliver(contextOf(String(version), size));
      await new Promise((resolve) => setImmediate(resolve));
    }
    stream.call.resume();
    await until(() => stream.messages.some((message) => textOf(message) === '100'));
    t.true(stream.messages.length < 10, `${stream.messages.length} messages`);
  },
);

test.serial('an update reaches 300 streams, each once, in slices', async (t) => {
  const stage = await Stage.open(t);
  const clients = [1, 2, 3].map(() => stage.client());
  const streams = clients.flatMap((client) => Array.from({ length: 100 }, () => client.stream('FetchX509SVID')));
  await Promise.all(streams.map((stream) => stream.at(0)));
  stage.sources.deliver(contextOf('next'));
  stage.sources.deliver(contextOf('last'));
  const messages = await Promise.all(streams.map((stream) => stream.at(1)));
  t.true(messages.every((message) => textOf(message) === 'last'));
  t.true(streams.every((stream) => stream.messages.length === 2));
});

test.serial('a call above the limit of a connection waits for its turn', async (t) => {
  const stage = await Stage.open(t, { limits: { streamsPerConnection: 2 } });
  const client = stage.client();
  await client.stream('FetchX509SVID').at(0);
  let underWay = 0;
  let most = 0;
  stage.sources.attestation = async () => {
    most = Math.max(most, ++underWay);
    await new Promise((resolve) => setImmediate(resolve));
    underWay -= 1;
    return {};
  };
  const calls = Array.from({ length: 50 }, () => client.unary('FetchJWTSVID', { audience: ['a'] }));
  const outcomes = await Promise.all(calls);
  t.deepEqual(new Set(outcomes.map(({ code }) => code)), new Set<number>([status.OK]));
  t.is(most, 1);
});

test.serial(
  'a call that takes the place of a cancelled one is served or may come again; no other is harmed',
  async (t) => {
    const stage = await Stage.open(t, { limits: { streamsPerConnection: 2 } });
    const client = stage.client();
    const [first, other, waiting] = [1, 2, 3].map(() => client.stream('FetchX509SVID'));
    await Promise.all([first?.at(0), other?.at(0)]);
    first?.call.cancel();
    // The client sends both at once, and HTTP/2 libraries differ in when they count the cancelled call out.
    const served = await waiting?.at(0).then(
      () => true,
      () => false,
    );
    if (served === false) {
      t.is((await waiting?.ended)?.code, status.RESOURCE_EXHAUSTED);
      await client.stream('FetchX509SVID').at(0);
    }
    t.is(stage.api.openCalls, 2);
    stage.sources.deliver(contextOf('next'));
    t.is(textOf((await other?.at(1)) ?? {}), 'next');
  },
);

test.serial('calls above the limit of a uid are told RESOURCE_EXHAUSTED, and may come again later', async (t) => {
  const stage = await Stage.open(t, { limits: { streamsPerUid: 3 } });
  const client = stage.client();
  const streams = [1, 2, 3].map(() => client.stream('FetchX509SVID'));
  await Promise.all(streams.map((stream) => stream.at(0)));
  const refused = await client.unary('FetchJWTSVID', { audience: ['a'] });
  t.is(refused.code, status.RESOURCE_EXHAUSTED);
  t.regex(refused.details, /too many open calls of uid \d+: at most 3/);
  t.is((await stage.client().stream('FetchX509SVID').ended).code, status.RESOURCE_EXHAUSTED);
  streams[0]?.call.cancel();
  await until(() => stage.api.openCalls === 2);
  t.is((await client.unary('FetchJWTSVID', { audience: ['a'] })).code, status.OK);
});

test.serial('attestations above the limit of a uid are refused, those under way go on', async (t) => {
  const stage = await Stage.open(t, { limits: { attestationsPerUid: 2 } });
  let finish = (): void => {};
  const finished = new Promise<void>((resolve) => (finish = resolve));
  stage.sources.attestation = () => finished.then(() => ({}));
  const client = stage.client();
  const streams = [1, 2].map(() => client.stream('FetchX509SVID'));
  await until(() => stage.sources.peers.length === 2);
  t.is((await client.stream('FetchX509SVID').ended).code, status.RESOURCE_EXHAUSTED);
  finish();
  await Promise.all(streams.map((stream) => stream.at(0)));
  t.is((await client.unary('FetchJWTSVID', { audience: ['a'] })).code, status.OK);
});

test.serial('connections above the limit are told so, far above it they are closed', async (t) => {
  const stage = await Stage.open(t, { limits: { connectionsPerUid: 2 } });
  const streams = [1, 2].map(() => stage.client().stream('FetchX509SVID'));
  await Promise.all(streams.map((stream) => stream.at(0)));
  const third = stage.client();
  const refused = await third.unary('FetchJWTSVID', { audience: ['a'] });
  t.is(refused.code, status.RESOURCE_EXHAUSTED);
  t.regex(refused.details, /too many connections of uid \d+: at most 2/);
  const sockets = await connected(stage.socketPath, 200);
  await until(() => sockets.filter((socket) => socket.destroyed || socket.readableEnded).length >= 200 - 63);
  t.true(stage.api.connections <= 2 + 64);
  stage.sources.deliver(contextOf('still served'));
  await Promise.all(streams.map((stream) => stream.at(1)));
  for (const socket of sockets) socket.destroy();
});

test.serial('a stream of a process that has gone ends at the next push, though another holds its socket', async (t) => {
  const stage = await Stage.open(t);
  // The child makes the call and leaves; its socket lives on in `sleep`.
  const script = `
    const s = require('net').connect(${JSON.stringify(stage.socketPath)}, () => {
      s.write(Buffer.from(${JSON.stringify(CALL.toString('hex'))}, 'hex'));
      const sleep = require('child_process').spawn('sleep', ['20'], { stdio: ['ignore', 'ignore', 'ignore', s], detached: true });
      console.log(sleep.pid);
      process.stdin.once('data', () => process.exit());
    });`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['pipe', 'pipe', 'ignore'] });
  const [pid] = (await once(child.stdout, 'data')) as [Buffer];
  t.teardown(() => process.kill(Number(pid), 'SIGKILL'));
  await until(() => stage.api.openCalls === 1);
  const exited = once(child, 'exit');
  child.stdin.write('go');
  await exited;
  t.is(stage.api.openCalls, 1);
  stage.sources.deliver(contextOf('not for others'));
  await until(() => stage.api.openCalls === 0);
  t.pass();
});

test.serial('a client that connects ahead of its first call is let through, and is served later', async (t) => {
  const stage = await Stage.open(t, { limits: { openingMs: 100 } });
  const early = new RawClient(stage.socketPath);
  early.send(PREFACE, SETTINGS);
  await early.wait(({ type }) => type === 4);
  early.acknowledge();
  early.send(frame(4, 1, 0));
  // The server's own SETTINGS, which it sends once it has the connection.
  await early.wait(({ type, flags, payload }) => type === 4 && flags === 0 && payload.length > 0);
  early.send(REQUEST, frame(0, 1, 1, EMPTY_MESSAGE));
  const { payload } = await early.wait(({ type }) => type === 0);
  t.true(payload.includes('spiffe://example.org/a'));
  early.socket.destroy();
});

test.serial('a connection without calls is closed after a while', async (t) => {
  const stage = await Stage.open(t, { limits: { idleMs: 100 } });
  t.is((await stage.client().unary('FetchJWTSVID', { audience: ['a'] })).code, status.OK);
  await until(() => stage.api.connections === 0);
  t.pass();
});
