import test from 'ava';
import { deflateSync, gzipSync } from 'node:zlib';
import { status } from '../../../src/runtime/grpc-code.js';
import { framed } from '../../../src/runtime/grpc-frame.js';
import type { Field } from '../../fakes/hpack-encoder.js';
import { CODE, FLAG, FRAME } from '../../fakes/raw-grpc.js';
import {
  answer,
  data,
  everyMessage,
  failure,
  reset,
  responseHeaders,
  scripted,
  trailers,
  type ScriptedConnection,
} from '../../fakes/scripted-grpc-server.js';
import type { Frame } from '../../workload-api/raw-http2.js';

// What a server may answer, and what it may not.

const HELLO = Buffer.from('hello');
const MESSAGE = framed(HELLO);
const GRPC: Field = ['content-type', 'application/grpc'];
const OK_200: Field = [':status', '200'];
const never = (): AbortSignal => new AbortController().signal;

/** A call, and the server's end of its connection. */
async function unary(t: Parameters<typeof scripted>[0]) {
  const { client, connection } = await scripted(t);
  const answered = client.unary('/S/M', HELLO, never());
  answered.catch(() => {});
  const server = (await connection()).greet();
  return { answered, server, stream: await server.call(0) };
}

async function conversation(t: Parameters<typeof scripted>[0]) {
  const { client, connection } = await scripted(t);
  const opening = client.open('/S/M', never());
  const server = (await connection()).greet();
  const call = await opening;
  return { call, server, stream: await server.call(0) };
}

function resets(server: ScriptedConnection): number[] {
  return server.frames.filter(({ type }) => type === FRAME.RST_STREAM).map(({ payload }) => payload.readUInt32BE());
}

test('a call says what gRPC asks for, with its message and its end; the answer is its message', async (t) => {
  const { answered, server, stream } = await unary(t);
  await server.until(() => server.frames.some(({ type, flags }) => type === FRAME.DATA && (flags & 1) === 1));
  const sent = server.frames.filter(({ type }) => type === FRAME.DATA).map(({ payload }) => payload);
  t.deepEqual(Buffer.concat(sent), MESSAGE);
  server.send(answer(stream, 'world'));
  t.is((await answered).toString(), 'world');
  t.deepEqual(resets(server), []);
});

/** Answers that are no success, frame by frame. */
const FAILURES: readonly { name: string; send: (stream: number) => Buffer[]; code: status; details: RegExp }[] = [
  {
    name: 'trailers alone',
    send: (stream) => [trailers(stream, [OK_200, GRPC, ['grpc-status', '5'], ['grpc-message', 'no%20such%20%C3%BC']])],
    ...{ code: status.NOT_FOUND, details: /^no such ü$/ },
  },
  {
    name: 'a message, and then a failure',
    send: (stream) => [responseHeaders(stream), data(stream, MESSAGE), trailers(stream, [['grpc-status', '16']])],
    ...{ code: status.UNAUTHENTICATED, details: /^$/ },
  },
  {
    name: 'a text that is no percent-encoding',
    send: (stream) => [trailers(stream, [OK_200, GRPC, ['grpc-status', '3'], ['grpc-message', '100% %zz']])],
    ...{ code: status.INVALID_ARGUMENT, details: /^100% %zz$/ },
  },
  ...['', 'x', '-0', '0x0', '1e1', '17', '99', '0, 0'].map((text) => ({
    name: `the status ${JSON.stringify(text)}`,
    send: (stream: number) => [
      responseHeaders(stream),
      data(stream, MESSAGE),
      trailers(stream, [['grpc-status', text]]),
    ],
    ...{ code: status.UNKNOWN, details: /^$/ },
  })),
  {
    name: 'trailers without a status',
    send: (stream) => [responseHeaders(stream), data(stream, MESSAGE), trailers(stream, [['x', 'y']])],
    ...{ code: status.UNKNOWN, details: /^$/ },
  },
  {
    name: 'an end without trailers',
    send: (stream) => [responseHeaders(stream), data(stream, MESSAGE, FLAG.END_STREAM)],
    ...{ code: status.INTERNAL, details: /without a status/ },
  },
  {
    name: 'no message',
    send: (stream) => [responseHeaders(stream), trailers(stream)],
    ...{ code: status.INTERNAL, details: /got none/ },
  },
  {
    name: 'two messages',
    send: (stream) => [responseHeaders(stream), data(stream, Buffer.concat([MESSAGE, MESSAGE])), trailers(stream)],
    ...{ code: status.INTERNAL, details: /got two/ },
  },
  {
    name: 'a message that is cut, and OK',
    send: (stream) => [responseHeaders(stream), data(stream, MESSAGE.subarray(0, 7)), trailers(stream)],
    ...{ code: status.INTERNAL, details: /within a message/ },
  },
  {
    name: 'a message that is longer than agreed',
    send: (stream) => [responseHeaders(stream), data(stream, Buffer.of(0, 0, 0x10, 0, 1)), trailers(stream)],
    ...{ code: status.RESOURCE_EXHAUSTED, details: /at most 1048576 bytes/ },
  },
  {
    name: 'a message that is longer than agreed once it is unpacked',
    send: (stream) => [
      responseHeaders(stream, [OK_200, GRPC, ['grpc-encoding', 'gzip']]),
      data(stream, packed(gzipSync(Buffer.alloc(2 * 1024 * 1024)))),
      trailers(stream),
    ],
    ...{ code: status.RESOURCE_EXHAUSTED, details: /at most 1048576 bytes/ },
  },
  {
    name: 'a packed message without an encoding',
    send: (stream) => [responseHeaders(stream), data(stream, packed(gzipSync(HELLO))), trailers(stream)],
    ...{ code: status.INTERNAL, details: /cannot be read/ },
  },
  {
    name: 'an encoding that nobody asked for',
    send: (stream) => [
      responseHeaders(stream, [OK_200, GRPC, ['grpc-encoding', 'br']]),
      data(stream, MESSAGE),
      trailers(stream),
    ],
    ...{ code: status.INTERNAL, details: /grpc-encoding/ },
  },
  ...(
    [
      ['400', status.INTERNAL],
      ['401', status.UNAUTHENTICATED],
      ['403', status.PERMISSION_DENIED],
      ['404', status.UNIMPLEMENTED],
      ['429', status.UNAVAILABLE],
      ['500', status.UNKNOWN],
      ['502', status.UNAVAILABLE],
      ['503', status.UNAVAILABLE],
      ['504', status.UNAVAILABLE],
    ] as const
  ).map(([httpStatus, code]) => ({
    name: `HTTP ${httpStatus}`,
    send: (stream: number) => [
      responseHeaders(stream, [
        [':status', httpStatus],
        ['content-type', 'text/html'],
      ]),
      data(stream, Buffer.from('<html>'), FLAG.END_STREAM),
    ],
    code,
    details: new RegExp(`^no gRPC answer: HTTP ${httpStatus}, text/html$`),
  })),
  {
    name: 'another HTTP status that says its gRPC status',
    send: (stream) => [trailers(stream, [[':status', '503'], GRPC, ['grpc-status', '8'], ['grpc-message', 'full']])],
    ...{ code: status.RESOURCE_EXHAUSTED, details: /^full$/ },
  },
  {
    name: 'a type that only begins like gRPC',
    send: (stream) => [
      responseHeaders(stream, [OK_200, ['content-type', 'application/grpc-web']]),
      data(stream, MESSAGE),
      trailers(stream),
    ],
    ...{ code: status.UNKNOWN, details: /application\/grpc-web/ },
  },
];

function packed(bytes: Buffer): Buffer {
  const frame = framed(bytes);
  frame[0] = 1;
  return frame;
}

for (const { name, send, code, details } of FAILURES) {
  test(`${name}: a failure with its code`, async (t) => {
    const { answered, server, stream } = await unary(t);
    server.send(...send(stream));
    const failed = await failure(answered);
    t.is(failed.code, code);
    t.regex(failed.details, details);
    t.false(failed.unseen);
  });
}

test('the same on a call whose own side is still open: it is over on both sides, and the connection stays', async (t) => {
  const { client, connection, connections } = await scripted(t);
  const opening = client.open('/S/M', never());
  const server = (await connection()).greet();
  const call = await opening;
  const stream = await server.call(0);
  server.send(responseHeaders(stream), data(stream, MESSAGE, FLAG.END_STREAM));
  t.like(await failure(everyMessage(call)), { code: status.INTERNAL, details: 'the answer ended without a status' });
  call.cancel();
  // The server has ended its side: an end of ours closes the stream as well as a reset does. Which of them goes out is Node's choice.
  const over = ({ type, flags, stream: of }: Frame): boolean =>
    of === stream && (type === FRAME.RST_STREAM || (type === FRAME.DATA && flags === FLAG.END_STREAM));
  await server.until(() => server.frames.some(over));
  t.true(server.frames.some(over));
  t.true(resets(server).every((code) => code === CODE.CANCEL));

  const next = client.unary('/S/M', HELLO, never());
  server.send(answer(await server.call(1)));
  t.is((await next).toString(), 'hello');
  t.is(connections.length, 1);
});

for (const pack of [gzipSync, deflateSync]) {
  const encoding = pack === gzipSync ? 'gzip' : 'deflate';
  test(`a message packed with ${encoding} is read`, async (t) => {
    const { answered, server, stream } = await unary(t);
    server.send(responseHeaders(stream, [OK_200, GRPC, ['grpc-encoding', encoding]]));
    server.send(data(stream, packed(pack(HELLO))), trailers(stream));
    t.is((await answered).toString(), 'hello');
  });
}

const RESETS: readonly { name: keyof typeof CODE | 'INTERNAL' | 'INADEQUATE'; code: number; want: status }[] = [
  { name: 'NO_ERROR', code: 0, want: status.INTERNAL },
  { name: 'PROTOCOL', code: 1, want: status.INTERNAL },
  { name: 'INTERNAL', code: 2, want: status.INTERNAL },
  { name: 'FLOW_CONTROL', code: 3, want: status.INTERNAL },
  { name: 'STREAM_CLOSED', code: 5, want: status.INTERNAL },
  { name: 'FRAME_SIZE', code: 6, want: status.INTERNAL },
  { name: 'CANCEL', code: 8, want: status.CANCELLED },
  { name: 'COMPRESSION', code: 9, want: status.INTERNAL },
  { name: 'CALM', code: 11, want: status.RESOURCE_EXHAUSTED },
  { name: 'INADEQUATE', code: 12, want: status.PERMISSION_DENIED },
];

for (const { name, code, want } of RESETS) {
  test(`a reset with ${name}, before and within an answer, is ${want}; the connection stays`, async (t) => {
    const { client, connection, connections } = await scripted(t);
    const first = client.unary('/S/M', HELLO, never());
    const server = (await connection()).greet();
    server.send(reset(await server.call(0), code));
    t.like(await failure(first), { code: want, unseen: false });

    const call = await client.open('/S/M', never());
    const stream = await server.call(1);
    server.send(responseHeaders(stream), data(stream, MESSAGE.subarray(0, 6)), reset(stream, code));
    t.is((await failure(everyMessage(call))).code, want);

    const third = client.unary('/S/M', HELLO, never());
    server.send(answer(await server.call(2)));
    t.is((await third).toString(), 'hello');
    t.is(connections.length, 1);
  });
}

test('what the server refused unseen goes out again, three times at most', async (t) => {
  const { client, connection } = await scripted(t);
  const served = client.unary('/S/M', HELLO, never());
  const server = (await connection()).greet();
  server.send(reset(await server.call(0), CODE.REFUSED));
  server.send(reset(await server.call(1), CODE.REFUSED));
  server.send(answer(await server.call(2)));
  t.is((await served).toString(), 'hello');

  const refused = client.unary('/S/M', HELLO, never());
  for (const index of [3, 4, 5]) server.send(reset(await server.call(index), CODE.REFUSED));
  t.like(await failure(refused), { code: status.UNAVAILABLE, unseen: true });
  t.is(server.frames.filter(({ type }) => type === FRAME.HEADERS).length, 6);
});

test('a caller that leaves gets its reason, and the server is told', async (t) => {
  const { client, connection } = await scripted(t);
  const leaving = new AbortController();
  const left = client.unary('/S/M', HELLO, leaving.signal);
  const server = (await connection()).greet();
  await server.call(0);
  leaving.abort(new Error('left'));
  await t.throwsAsync(left, { message: 'left' });
  await server.until(() => resets(server).length > 0);
  t.deepEqual(resets(server), [CODE.CANCEL]);
});

test('an answer of many windows comes whole, in tiny frames and in large ones', async (t) => {
  const { client, connection } = await scripted(t, { maxMessageBytes: 8 * 1024 * 1024 });
  const large = Buffer.alloc(6 * 1024 * 1024, 'abc');
  const answered = client.unary('/S/M', HELLO, never());
  const server = (await connection()).greet();
  const stream = await server.call(0);
  server.send(responseHeaders(stream));
  // By hand there is no window to keep: no more than the client has given is sent.
  const windows = (): number =>
    server.frames
      .filter(({ type, stream: of }) => type === FRAME.WINDOW_UPDATE && of === stream)
      .reduce((sum, { payload }) => sum + payload.readUInt32BE(), 1024 * 1024);
  const bytes = framed(large);
  let [sent, size] = [0, 1];
  while (sent < bytes.length) {
    const next = bytes.subarray(sent, sent + size);
    await server.until(() => windows() >= sent + next.length);
    server.send(data(stream, next));
    sent += next.length;
    size = sent < 200 ? 1 : 16_384;
  }
  server.send(trailers(stream));
  t.true((await answered).equals(large));
});

test('a server that breaks the rules of HTTP/2 and stays is gone when its pings are due', async (t) => {
  const { client, clock, connection } = await scripted(t);
  const answered = client.unary('/S/M', HELLO, never());
  const server = (await connection()).greet();
  server.send(responseHeaders(await server.call(0)), Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'));
  await server.until(() => server.frames.some(({ type }) => type === FRAME.GOAWAY));
  await clock.advance(30_000);
  t.is((await failure(answered)).code, status.UNAVAILABLE);
  await server.end();
});

test('answers are read no faster than they are taken', async (t) => {
  const { call, server, stream } = await conversation(t);
  server.send(responseHeaders(stream));
  const frames = Array.from({ length: 100 }, () => data(stream, framed(Buffer.alloc(9_000))));
  server.send(...frames);
  const messages = call.messages();
  t.is((await messages.next()).value?.length, 9_000);
  let taken = 1;
  server.send(trailers(stream));
  for await (const message of messages) taken += message.length > 0 ? 1 : 0;
  t.is(taken, 100);
});
