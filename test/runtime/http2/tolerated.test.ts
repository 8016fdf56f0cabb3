import { once } from 'node:events';
import { connect, type IncomingHttpHeaders } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { framed } from '../../../src/runtime/grpc-frame.js';
import { EchoGrpcServer } from '../../fakes/echo-grpc-server.js';
import { literalString, plainBlock, type Field } from '../../fakes/hpack-encoder.js';
import { Http2Peer } from '../../fakes/http2-peer.js';
import {
  CALL,
  call,
  callOf,
  FLAG,
  FRAME,
  harmless,
  headers,
  HELLO,
  open,
  served,
  setting,
  uint32,
} from '../../fakes/raw-grpc.js';
import { frame, PREFACE, SETTINGS, SETTINGS_ACK } from '../../workload-api/raw-http2.js';

// What clients may do, and some do: each gets its answer.

const { DATA, HEADERS, PRIORITY, SETTINGS: SET, PING, WINDOW_UPDATE, CONTINUATION, RST_STREAM } = FRAME;
const { END_STREAM, END_HEADERS, PADDED } = FLAG;

async function rig(t: ExecutionContext): Promise<{ server: EchoGrpcServer; peer: Http2Peer }> {
  const server = await EchoGrpcServer.open(t);
  return { server, peer: Http2Peer.greeted(server.socketPath) };
}

const BODY = frame(DATA, END_STREAM, 1, HELLO);
const withField = (name: string, value: string): Field[] => [...CALL, [name, value]];
const withAuthority = (value: string): Field[] =>
  CALL.map(([name, before]) => [name, name === ':authority' ? value : before]);
const padded = (payload: Buffer, padding: number): Buffer =>
  Buffer.concat([Buffer.of(padding), payload, Buffer.alloc(padding)]);
const block = plainBlock(CALL);
const priority = (on: number): Buffer => Buffer.concat([uint32(on), Buffer.of(200)]);
const reserved = (bytes: Buffer): Buffer => {
  const marked = Buffer.from(bytes);
  marked.writeUInt8(marked.readUInt8(5) | 0x80, 5);
  return marked;
};

/** Sent after the preface; stream 1 is answered with its message. */
const TOLERATED: Readonly<Record<string, readonly Buffer[]>> = {
  'padded headers': [frame(HEADERS, END_HEADERS | PADDED, 1, padded(block, 255)), BODY],
  'headers padded by nothing': [frame(HEADERS, END_HEADERS | PADDED, 1, padded(block, 0)), BODY],
  'headers with a priority': [
    frame(HEADERS, END_HEADERS | FLAG.PRIORITY, 1, Buffer.concat([priority(3), block])),
    BODY,
  ],
  'headers with a priority and padding': [
    frame(HEADERS, END_HEADERS | PADDED | FLAG.PRIORITY, 1, padded(Buffer.concat([priority(0), block]), 7)),
    BODY,
  ],
  'headers in three frames': [
    frame(HEADERS, 0, 1, block.subarray(0, 20)),
    frame(CONTINUATION, 0, 1, block.subarray(20, 21)),
    frame(CONTINUATION, END_HEADERS, 1, block.subarray(21)),
    BODY,
  ],
  'headers of which the first and the last frame are empty': [
    frame(HEADERS, 0, 1),
    frame(CONTINUATION, 0, 1, block),
    frame(CONTINUATION, END_HEADERS, 1),
    BODY,
  ],
  'headers whose end of the stream comes later': [headers(1), frame(DATA, 0, 1, HELLO), frame(DATA, END_STREAM, 1)],
  'padded data': [headers(1), frame(DATA, END_STREAM | PADDED, 1, padded(HELLO, 200))],
  'data of padding only': [headers(1), frame(DATA, PADDED, 1, padded(Buffer.alloc(0), 100)), BODY],
  'empty data before the message': [headers(1), frame(DATA, 0, 1), frame(DATA, 0, 1), BODY],
  'a message in data of one octet each': [
    headers(1),
    ...Array.from(HELLO, (octet, at) => frame(DATA, at === HELLO.length - 1 ? END_STREAM : 0, 1, Buffer.of(octet))),
  ],
  trailers: [headers(1), frame(DATA, 0, 1, HELLO), headers(1, [['x-late', 'yes']], END_HEADERS | END_STREAM)],
  'empty trailers': [headers(1), frame(DATA, 0, 1, HELLO), headers(1, [], END_HEADERS | END_STREAM)],
  'a frame of an unknown type': [frame(0x77, 0xff, 0, Buffer.alloc(100)), headers(1), frame(0xfe, 0, 1, HELLO), BODY],
  'unknown settings': [frame(SET, 0, 0, Buffer.concat([setting(0xff, 1), setting(0x4d44, 7)])), call(1)],
  'unknown flags': [frame(HEADERS, END_HEADERS | 0xd0, 1, block), frame(DATA, END_STREAM | 0xf4, 1, HELLO)],
  'reserved bits': [reserved(headers(1)), reserved(frame(WINDOW_UPDATE, 0, 0, uint32(2 ** 31 + 5))), reserved(BODY)],
  'priorities of streams that do not exist': [
    frame(PRIORITY, 0, 1, priority(0)),
    frame(PRIORITY, 0, 99, priority(1)),
    call(1),
  ],
  'no table of headers': [frame(SET, 0, 0, setting(1, 0)), call(1)],
  'the largest table of headers': [frame(SET, 0, 0, setting(1, 2 ** 32 - 1)), call(1)],
  'the smallest and the largest frames': [
    frame(SET, 0, 0, setting(5, 16_384)),
    frame(SET, 0, 0, setting(5, 2 ** 24 - 1)),
    call(1),
  ],
  'no wish for pushes': [frame(SET, 0, 0, setting(2, 0)), call(1)],
  'no streams of ours': [frame(SET, 0, 0, setting(3, 0)), call(1)],
  'a limit of header lists': [frame(SET, 0, 0, setting(6, 100_000)), call(1)],
  'the same setting many times': [
    frame(SET, 0, 0, Buffer.concat(Array.from({ length: 20 }, (_, i) => setting(4, 70_000 + i)))),
    call(1),
  ],
  'a window that is as large as can be': [frame(WINDOW_UPDATE, 0, 0, uint32(2 ** 31 - 1 - 65_535)), call(1)],
  'a ping in front': [frame(PING, 0, 0, Buffer.alloc(8)), call(1)],
  'an answer to a ping that nobody sent': [frame(PING, FLAG.ACK, 0, Buffer.alloc(8)), call(1)],
  'a content-length that is right': [call(1, withField('content-length', String(HELLO.length)))],
  'a path for :authority': [call(1, withAuthority('/run/spire/agent.sock'))],
  'an encoded path for :authority': [call(1, withAuthority('%2Frun%2Fspire%2Fagent.sock'))],
  'an empty :authority': [call(1, withAuthority(''))],
  'no :authority': [
    call(
      1,
      CALL.filter(([name]) => name !== ':authority'),
    ),
  ],
  'no te': [
    call(
      1,
      CALL.filter(([name]) => name !== 'te'),
    ),
  ],
  host: [call(1, [...CALL.filter(([name]) => name !== ':authority'), ['host', 'localhost']])],
  'values of more than ASCII': [call(1, withField('x-name', 'gr\xfc\xdf'))],
  'an empty value': [call(1, withField('x-empty', ''))],
  'a value with a tabulator': [call(1, withField('x-tab', 'a\tb'))],
  'the same field many times': [call(1, [...CALL, ...Array.from({ length: 50 }, (): Field => ['x-again', 'a'])])],
  'cookies one by one': [call(1, [...CALL, ['cookie', 'a=b'], ['cookie', 'c=d']])],
  'names of objects': [call(1, [...CALL, ['__proto__', 'a'], ['constructor', 'b'], ['tostring', 'c']])],
  'a field of 8,000 octets': [call(1, withField('x-long', 'v'.repeat(8_000)))],
  'headers of 40,000 octets': [
    ...inFrames(plainBlock([...CALL, ...Array.from({ length: 10 }, (_, i): Field => [`x-${i}`, 'v'.repeat(4_000)])])),
    BODY,
  ],
};

/** The block in frames of at most 16,384 octets. */
function inFrames(whole: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < whole.length; at += 16_384) {
    const last = at + 16_384 >= whole.length ? END_HEADERS : 0;
    pieces.push(frame(at === 0 ? HEADERS : CONTINUATION, last, 1, whole.subarray(at, at + 16_384)));
  }
  return pieces;
}

for (const [what, sends] of Object.entries(TOLERATED)) {
  test(`${what}: answered, and so is the next call`, async (t) => {
    const { server, peer } = await rig(t);
    peer.send(...sends);
    t.deepEqual(Buffer.concat((await peer.over(1)).data), HELLO);
    await served(t, peer, 3);
    await harmless(t, server, peer);
  });
}

test('fields come as they were sent, several of one name as one', async (t) => {
  const { server, peer } = await rig(t);
  const more: Field[] = [
    ['x-one', 'gr\xfc\xdf'],
    ['x-two', 'a'],
    ['x-two', 'b'],
    ['grpc-timeout', '10S'],
  ];
  peer.send(call(1, [...CALL, ...more]));
  await peer.over(1);
  t.like(server.admitted[0], { ':path': '/S/Echo', 'x-one': 'gr\xfc\xdf', 'x-two': 'a, b', 'grpc-timeout': '10S' });
  peer.destroy();
});

const CONVERSATION = Buffer.concat([
  ...[PREFACE, SETTINGS, SETTINGS_ACK, frame(SET, 0, 0, setting(4, 100)), frame(PING, 0, 0, Buffer.alloc(8))],
  ...inFrames(plainBlock([...CALL, ['x-long', 'v'.repeat(300)]])),
  ...[frame(PRIORITY, 0, 1, priority(0)), frame(DATA, PADDED, 1, padded(HELLO.subarray(0, 3), 4))],
  ...[
    frame(WINDOW_UPDATE, 0, 1, uint32(7)),
    frame(0x99, 0, 0, Buffer.alloc(5)),
    frame(DATA, END_STREAM, 1, HELLO.subarray(3)),
  ],
]);

test('a conversation in pieces of one octet is answered', async (t) => {
  const server = await EchoGrpcServer.open(t);
  const peer = new Http2Peer(server.socketPath);
  for (const octet of CONVERSATION) {
    peer.send(Buffer.of(octet));
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.deepEqual(Buffer.concat((await peer.over(1)).data), HELLO);
  await harmless(t, server, peer);
});

test('a conversation cut in two at any place is answered', async (t) => {
  const server = await EchoGrpcServer.open(t);
  for (let at = 1; at < CONVERSATION.length; at++) {
    const peer = new Http2Peer(server.socketPath);
    peer.send(CONVERSATION.subarray(0, at));
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    peer.send(CONVERSATION.subarray(at));
    t.deepEqual(Buffer.concat((await peer.over(1)).data), HELLO);
    peer.destroy();
  }
  t.deepEqual(server.unexpected, []);
});

test('frames of streams that are over are ignored', async (t) => {
  const { server, peer } = await rig(t);
  await served(t, peer, 1);
  peer.send(
    frame(WINDOW_UPDATE, 0, 1, uint32(10)),
    frame(RST_STREAM, 0, 1, uint32(8)),
    frame(PRIORITY, 0, 1, priority(0)),
  );
  t.true(await peer.answers());
  peer.send(open(3), frame(RST_STREAM, 0, 3, uint32(8)));
  t.true(await peer.answers());
  peer.send(
    frame(WINDOW_UPDATE, 0, 3, uint32(10)),
    frame(RST_STREAM, 0, 3, uint32(8)),
    frame(PRIORITY, 0, 3, priority(0)),
  );
  t.true(await peer.answers());
  await served(t, peer, 5);
  await harmless(t, server, peer);
});

test('windows are given back as they were used, padding included, and no further', async (t) => {
  const { server, peer } = await rig(t);
  const credit = (stream: number): number =>
    [...peer.frames, ...peer.windows]
      .filter((got) => got.type === WINDOW_UPDATE && got.stream === stream)
      .reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0);
  peer.send(open(1));
  let used = 0;
  for (let round = 0; round < 200; round++) {
    await peer.until(() => used - credit(1) < 50_000 && used - credit(0) < 50_000);
    const frames = [padded(framed(Buffer.alloc(700)), 255), padded(Buffer.alloc(0), 200)];
    peer.send(...frames.map((payload) => frame(DATA, PADDED, 1, payload)));
    used += frames.reduce((sum, { length }) => sum + length, 0);
    const echoed = (round + 1) * 705;
    await peer.until(() => peer.stream(1).data.reduce((sum, { length }) => sum + length, 0) === echoed);
    t.true(await peer.answers());
    peer.send(frame(WINDOW_UPDATE, 0, 0, uint32(705)), frame(WINDOW_UPDATE, 0, 1, uint32(705)));
    for (const stream of [0, 1]) {
      t.true(credit(stream) <= used, `${stream}: ${credit(stream)} of ${used}`);
      t.true(credit(stream) > used - 40_000, `${stream}: ${credit(stream)} of ${used}`);
    }
  }
  await harmless(t, server, peer);
});

test('a client may leave any number of streams once it has their first message', async (t) => {
  const { server, peer } = await rig(t);
  peer.send(frame(WINDOW_UPDATE, 0, 0, uint32(2 ** 30)));
  // More than a client may cancel before there is an answer, ten at a time.
  for (let index = 0; index < 5_000 && peer.fate === 'open'; index += 10) {
    const streams = Array.from({ length: 10 }, (_, i) => 2 * (index + i) + 1);
    peer.send(...streams.map((stream) => call(stream, callOf('ForEver'))));
    await peer.until(() => streams.every((stream) => peer.stream(stream).data.length > 0));
    peer.send(...streams.map((stream) => frame(RST_STREAM, 0, stream, uint32(8))));
    for (const stream of streams) peer.streams.delete(stream);
  }
  t.is(peer.fate, 'open');
  await served(t, peer, 20_001);
  await harmless(t, server, peer);
});

/** What the server has given back of the connection's window, in bytes. */
function credit(peer: Http2Peer): number {
  const updates = peer.frames.filter(({ type }) => type === WINDOW_UPDATE);
  return updates.reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0);
}

test('data for a stream that the server has ended is taken, and its window given back', async (t) => {
  const { server, peer } = await rig(t);
  let window = 65_535;
  for (let stream = 1; stream < 80; stream += 2) {
    peer.send(open(stream, 'Nothing'));
    await peer.over(stream);
    // Sent before the end of the stream was known, as a client may: it is thrown away, and counts nevertheless.
    await peer.until(() => window + credit(peer) >= 16_384);
    peer.send(frame(DATA, PADDED, stream, padded(Buffer.alloc(16_000), 255)));
    window -= 16_256;
  }
  t.true(await peer.answers());
  peer.send(open(101), frame(DATA, 0, 101, framed(Buffer.alloc(5_000))));
  await peer.until(() => Buffer.concat(peer.stream(101).data).length === 5_005);
  t.is(peer.fate, 'open');
  await harmless(t, server, peer);
});

test('data that nobody reads is given back with its stream', async (t) => {
  const { server, peer } = await rig(t);
  let window = 65_535;
  for (let stream = 1; stream < 20; stream += 2) {
    await peer.until(() => window + credit(peer) >= 60_000);
    peer.send(open(stream, 'Deaf'), ...[1, 2, 3].map(() => frame(DATA, 0, stream, Buffer.alloc(16_000))));
    window -= 48_000;
    t.true(await peer.answers());
    peer.send(frame(RST_STREAM, 0, stream, uint32(8)));
  }
  await peer.until(() => window + credit(peer) >= 60_000);
  await served(t, peer, 101);
  await harmless(t, server, peer);
});

test('the first stream may have any odd number', async (t) => {
  const { server, peer } = await rig(t);
  await served(t, peer, 2 ** 31 - 3);
  await served(t, peer, 2 ** 31 - 1);
  await harmless(t, server, peer);
});

test('the code of a header block counts, not its text', async (t) => {
  const { server, peer } = await rig(t);
  // Inserted with Huffman codes, referred to afterwards; the table is emptied and filled again.
  const coded = (at: number, value: string): Buffer =>
    Buffer.concat([Buffer.of(0x40 | at), literalString(value, true)]);
  const first = Buffer.concat([
    ...[Buffer.of(0x83, 0x86), coded(4, '/S/Echo'), coded(1, 'localhost'), coded(31, 'application/grpc')],
    ...[Buffer.of(0x40), literalString('te', true), literalString('trailers', true)],
  ]);
  const again = Buffer.of(0x83, 0x86, 0xc1, 0xc0, 0xbf, 0xbe);
  for (const [stream, fields] of [
    [1, first],
    [3, again],
    [5, Buffer.concat([Buffer.of(0x20, 0x3f, 0xe1, 0x1f), first])],
    [7, again],
  ] as const) {
    peer.send(frame(HEADERS, END_HEADERS, stream, fields), frame(DATA, END_STREAM, stream, HELLO));
    t.deepEqual(Buffer.concat((await peer.over(stream)).data), HELLO);
  }
  t.deepEqual(
    server.admitted.map((fields) => fields[':path']),
    ['/S/Echo', '/S/Echo', '/S/Echo', '/S/Echo'],
  );
  await harmless(t, server, peer);
});

test('a client of nghttp2 is served, whatever size it gives to the table of headers, and when', async (t) => {
  const server = await EchoGrpcServer.open(t);
  for (const first of [0, 4_096, 65_536]) {
    const client = connect('http://localhost', {
      createConnection: () => connectSocket(server.socketPath),
      settings: { headerTableSize: first },
    });
    for (const size of [undefined, 0, undefined, 4_096, 100, 100_000, 0]) {
      if (size !== undefined) {
        await new Promise((resolve) => client.settings({ headerTableSize: 0 }, resolve));
        await new Promise((resolve) => client.settings({ headerTableSize: size }, resolve));
      }
      const stream = client.request(Object.fromEntries(CALL));
      const trailers = once(stream, 'trailers') as Promise<[IncomingHttpHeaders]>;
      stream.end(HELLO).resume();
      t.is((await trailers)[0]['grpc-status'], '0');
    }
    client.destroy();
  }
});

test('calls of one connection share it', async (t) => {
  const { server, peer } = await rig(t);
  peer.send(frame(SET, 0, 0, setting(4, 2 ** 31 - 1)), frame(WINDOW_UPDATE, 0, 0, uint32(2 ** 31 - 1 - 65_535)));
  for (const stream of [1, 3, 5]) peer.send(call(stream, callOf('Pour')));
  const received = (stream: number): number => peer.stream(stream).data.reduce((sum, { length }) => sum + length, 0);
  await peer.until(() => received(1) + received(3) + received(5) > 20_000_000);
  for (const stream of [1, 3, 5]) t.true(received(stream) > 4_000_000, `${stream}: ${received(stream)}`);
  await served(t, peer, 7);
  await harmless(t, server, peer);
});
