import test, { type ExecutionContext } from 'ava';
import { EchoGrpcServer } from '../../fakes/echo-grpc-server.js';
import { integer, literalString, plainBlock, type Field } from '../../fakes/hpack-encoder.js';
import { Http2Peer } from '../../fakes/http2-peer.js';
import {
  call,
  CALL,
  callOf,
  CODE,
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
import { frame, PREFACE, SETTINGS_ACK } from '../../workload-api/raw-http2.js';

// What RFC 9113 and RFC 7541 forbid a client, one thing after the other, each from a client that is otherwise a good one.

const { PROTOCOL, FLOW_CONTROL: FLOW, STREAM_CLOSED: CLOSED, FRAME_SIZE: SIZE, COMPRESSION } = CODE;
const { DATA, HEADERS, PRIORITY, SETTINGS, PING, GOAWAY, CONTINUATION } = FRAME;
const { RST_STREAM: RESET, PUSH_PROMISE: PUSH, WINDOW_UPDATE: WINDOW } = FRAME;
const { END_STREAM, END_HEADERS, PADDED, PRIORITY: PRIORITIZED } = FLAG;

const bytes = (...octets: number[]): Buffer => Buffer.from(octets);
const noise = (length: number): Buffer => Buffer.alloc(length);

async function rig(t: ExecutionContext): Promise<{ server: EchoGrpcServer; peer: Http2Peer }> {
  const server = await EchoGrpcServer.open(t);
  return { server, peer: Http2Peer.greeted(server.socketPath) };
}

interface Violation {
  readonly what: string;
  readonly sends: Buffer | readonly Buffer[];
  /** Error codes that the RFC allows for it, the one it names first. */
  readonly codes: readonly number[];
}

/** RFC 9113, 5.4.1. */
const COST_THE_CONNECTION: readonly Violation[] = [
  { what: 'DATA of no stream', sends: frame(DATA, 0, 0, HELLO), codes: [PROTOCOL] },
  { what: 'DATA on an idle stream', sends: frame(DATA, 0, 1, HELLO), codes: [PROTOCOL, CLOSED] },
  {
    what: 'DATA whose padding is longer than itself',
    sends: [open(1), frame(DATA, PADDED, 1, bytes(5, 0, 0, 0, 0))],
    codes: [PROTOCOL],
  },
  {
    what: 'padded DATA without a length of the padding',
    sends: [open(1), frame(DATA, PADDED, 1)],
    codes: [PROTOCOL, SIZE],
  },
  { what: 'HEADERS of no stream', sends: headers(0), codes: [PROTOCOL] },
  { what: 'HEADERS of an even stream', sends: headers(2), codes: [PROTOCOL] },
  {
    what: 'HEADERS whose padding is longer than they',
    sends: frame(HEADERS, PADDED | END_HEADERS, 1, bytes(9, 0x82)),
    codes: [PROTOCOL],
  },
  {
    what: 'HEADERS too short for their priority',
    sends: frame(HEADERS, PRIORITIZED | END_HEADERS, 1, noise(4)),
    codes: [SIZE, PROTOCOL],
  },
  {
    what: 'a frame of another type within a header block',
    sends: [headers(1, CALL, 0), frame(PING, 0, 0, noise(8))],
    codes: [PROTOCOL],
  },
  {
    what: 'a frame of an unknown type within a header block',
    sends: [headers(1, CALL, 0), frame(99, 0, 1, noise(8))],
    codes: [PROTOCOL],
  },
  { what: 'DATA within a header block', sends: [headers(1, CALL, 0), frame(DATA, 0, 1, HELLO)], codes: [PROTOCOL] },
  {
    what: 'HEADERS of another stream within a header block',
    sends: [headers(1, CALL, 0), headers(3)],
    codes: [PROTOCOL],
  },
  {
    what: 'CONTINUATION of another stream',
    sends: [headers(1, CALL, 0), frame(CONTINUATION, END_HEADERS, 3)],
    codes: [PROTOCOL],
  },
  {
    what: 'CONTINUATION without HEADERS',
    sends: frame(CONTINUATION, END_HEADERS, 1, plainBlock(CALL)),
    codes: [PROTOCOL],
  },
  {
    what: 'CONTINUATION after a block has ended',
    sends: [open(1), frame(CONTINUATION, END_HEADERS, 1)],
    codes: [PROTOCOL],
  },
  { what: 'CONTINUATION of no stream', sends: frame(CONTINUATION, END_HEADERS, 0), codes: [PROTOCOL] },
  { what: 'PRIORITY of no stream', sends: frame(PRIORITY, 0, 0, noise(5)), codes: [PROTOCOL] },
  { what: 'RST_STREAM of no stream', sends: frame(RESET, 0, 0, uint32(8)), codes: [PROTOCOL] },
  { what: 'RST_STREAM of an idle stream', sends: frame(RESET, 0, 1, uint32(8)), codes: [PROTOCOL] },
  { what: 'RST_STREAM of a wrong length', sends: [open(1), frame(RESET, 0, 1, noise(5))], codes: [SIZE] },
  { what: 'SETTINGS of a stream', sends: frame(SETTINGS, 0, 1, setting(3, 1)), codes: [PROTOCOL] },
  { what: 'SETTINGS of a wrong length', sends: frame(SETTINGS, 0, 0, noise(5)), codes: [SIZE] },
  { what: 'an acknowledgement with settings in it', sends: frame(SETTINGS, 1, 0, setting(3, 1)), codes: [SIZE] },
  { what: 'SETTINGS_ENABLE_PUSH of 2', sends: frame(SETTINGS, 0, 0, setting(2, 2)), codes: [PROTOCOL] },
  {
    what: 'SETTINGS_INITIAL_WINDOW_SIZE above the maximum',
    sends: frame(SETTINGS, 0, 0, setting(4, 2 ** 31)),
    codes: [FLOW],
  },
  {
    what: 'SETTINGS_MAX_FRAME_SIZE below the minimum',
    sends: frame(SETTINGS, 0, 0, setting(5, 16_383)),
    codes: [PROTOCOL],
  },
  {
    what: 'SETTINGS_MAX_FRAME_SIZE above the maximum',
    sends: frame(SETTINGS, 0, 0, setting(5, 2 ** 24)),
    codes: [PROTOCOL],
  },
  {
    what: 'SETTINGS whose last value is wrong',
    sends: frame(SETTINGS, 0, 0, Buffer.concat([setting(3, 1), setting(2, 9)])),
    codes: [PROTOCOL],
  },
  {
    what: 'PUSH_PROMISE',
    sends: [open(1), frame(PUSH, END_HEADERS, 1, Buffer.concat([uint32(2), plainBlock(CALL)]))],
    codes: [PROTOCOL],
  },
  { what: 'PING of a stream', sends: frame(PING, 0, 1, noise(8)), codes: [PROTOCOL] },
  { what: 'PING of a wrong length', sends: frame(PING, 0, 0, noise(7)), codes: [SIZE] },
  { what: 'GOAWAY of a stream', sends: frame(GOAWAY, 0, 1, noise(8)), codes: [PROTOCOL] },
  { what: 'GOAWAY that is too short', sends: frame(GOAWAY, 0, 0, noise(7)), codes: [SIZE] },
  { what: 'WINDOW_UPDATE of a wrong length', sends: frame(WINDOW, 0, 0, noise(3)), codes: [SIZE] },
  { what: 'WINDOW_UPDATE of an idle stream', sends: frame(WINDOW, 0, 1, uint32(1)), codes: [PROTOCOL] },
  { what: 'WINDOW_UPDATE by nothing', sends: frame(WINDOW, 0, 0, uint32(0)), codes: [PROTOCOL] },
  { what: 'a connection window beyond the maximum', sends: frame(WINDOW, 0, 0, uint32(2 ** 31 - 1)), codes: [FLOW] },
  {
    what: 'SETTINGS that take the window of a stream beyond the maximum',
    sends: [open(1), frame(WINDOW, 0, 1, uint32(2 ** 31 - 1 - 65_535)), frame(SETTINGS, 0, 0, setting(4, 65_536))],
    codes: [FLOW],
  },
  { what: 'a frame that is longer than allowed', sends: [open(1), frame(DATA, 0, 1, noise(16_385))], codes: [SIZE] },
  {
    what: 'the header of the longest frame there is',
    sends: bytes(0xff, 0xff, 0xff, DATA, 0, 0, 0, 0, 1),
    codes: [SIZE],
  },
  { what: 'a long frame of an unknown type', sends: bytes(0xff, 0xff, 0xff, 0x77, 0, 0, 0, 0, 1), codes: [SIZE] },
  { what: 'a smaller stream than before', sends: [open(5), open(3)], codes: [PROTOCOL, CLOSED] },
];

/** RFC 7541: whatever breaks the common table breaks the connection. */
const BROKEN_BLOCKS: Readonly<Record<string, Buffer>> = {
  'the field number 0': bytes(0x80),
  'a field that nobody knows': bytes(0xff, 0x00),
  'a name that nobody knows': Buffer.concat([bytes(0x7f, 0x30), literalString('x')]),
  'an index that ends within itself': bytes(0xff, 0x80),
  'an index of many octets': bytes(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01),
  'a string beyond the block': bytes(0x00, 0x05, 0x61),
  'a string without a length': bytes(0x00),
  'a string of four gigabytes': Buffer.concat([bytes(0x00), integer(2 ** 32 - 1, 7, 0), noise(10)]),
  'a Huffman string with the end of string in it': bytes(0x00, 0x84, 0xff, 0xff, 0xff, 0xff, 0x01, 0x61),
  'a Huffman string filled up with zeros': bytes(0x00, 0x81, 0x00, 0x01, 0x61),
  'a Huffman string filled up with a whole octet': bytes(0x00, 0x82, 0x1f, 0xff, 0x01, 0x61),
  'a table larger than allowed': integer(4097, 5, 0x20),
  'a table of four gigabytes': integer(2 ** 32, 5, 0x20),
  'a change of the table after a field': bytes(0x82, 0x20),
};
for (const [what, block] of Object.entries(BROKEN_BLOCKS)) {
  test(`a header block with ${what} costs the connection`, async (t) => {
    const { server, peer } = await rig(t);
    peer.send(frame(HEADERS, END_HEADERS, 1, block));
    t.is(await peer.end(), COMPRESSION);
    t.deepEqual(server.admitted, []);
    await harmless(t, server, peer);
  });
}

for (const { what, sends, codes } of COST_THE_CONNECTION) {
  test(`${what}: costs the connection`, async (t) => {
    const { server, peer } = await rig(t);
    peer.send(Buffer.concat([sends].flat()));
    const fate = await peer.end();
    t.true(codes.includes(Number(fate)), `ended with ${fate}`);
    await harmless(t, server, peer);
  });
}

for (const [what, sends] of Object.entries({
  'HTTP/1': Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'),
  'a preface that goes wrong at its end': Buffer.concat([PREFACE.subarray(0, 23), Buffer.from('x')]),
  TLS: bytes(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3),
  'a preface and no SETTINGS after it': Buffer.concat([PREFACE, headers(1), frame(DATA, END_STREAM, 1, HELLO)]),
  'a preface with an acknowledgement after it': Buffer.concat([PREFACE, SETTINGS_ACK, headers(1)]),
})) {
  test(`a connection that begins with ${what} is closed`, async (t) => {
    const server = await EchoGrpcServer.open(t);
    const peer = new Http2Peer(server.socketPath);
    peer.send(sends);
    t.true(([PROTOCOL, 'closed'] as const).includes((await peer.end()) as 1));
    t.deepEqual(server.admitted, []);
    await harmless(t, server, peer);
  });
}

const without = (name: string): Field[] => CALL.filter(([key]) => key !== name);
const withField = (name: string, value: string): Field[] => [...CALL, [name, value]];
const trailers = (fields: readonly Field[], flags = END_HEADERS | END_STREAM): readonly Buffer[] => [
  open(1),
  headers(1, fields, flags),
];

/** RFC 9113, 5.4.2: the connection goes on. */
const COST_THE_STREAM: readonly Violation[] = [
  { what: 'a name in upper case', sends: call(1, withField('X-Upper', 'a')), codes: [PROTOCOL] },
  { what: 'a name with a space', sends: call(1, withField('x y', 'a')), codes: [PROTOCOL] },
  { what: 'an empty name', sends: call(1, withField('', 'a')), codes: [PROTOCOL] },
  { what: 'a name with a colon', sends: call(1, withField('x:y', 'a')), codes: [PROTOCOL] },
  { what: 'a name of more than ASCII', sends: call(1, withField('x\xe9', 'a')), codes: [PROTOCOL] },
  { what: 'a value with a zero octet', sends: call(1, withField('x', 'a\0b')), codes: [PROTOCOL] },
  { what: 'a value with a new line', sends: call(1, withField('x', 'a\nb: c')), codes: [PROTOCOL] },
  { what: 'a value with a carriage return', sends: call(1, withField('x', 'a\r')), codes: [PROTOCOL] },
  { what: 'no :method', sends: call(1, without(':method')), codes: [PROTOCOL] },
  { what: 'no :scheme', sends: call(1, without(':scheme')), codes: [PROTOCOL] },
  { what: 'no :path', sends: call(1, without(':path')), codes: [PROTOCOL] },
  { what: 'an empty :path', sends: call(1, [...without(':path'), [':path', '']]), codes: [PROTOCOL] },
  {
    what: ':path after a regular field',
    sends: call(1, [...without(':path'), [':path', '/S/Echo']]),
    codes: [PROTOCOL],
  },
  { what: 'two :path', sends: call(1, [[':path', '/S/Echo'], ...CALL]), codes: [PROTOCOL] },
  { what: 'two :method', sends: call(1, [[':method', 'POST'], ...CALL]), codes: [PROTOCOL] },
  { what: 'two :scheme', sends: call(1, [[':scheme', 'http'], ...CALL]), codes: [PROTOCOL] },
  { what: 'two :authority', sends: call(1, [[':authority', 'localhost'], ...CALL]), codes: [PROTOCOL] },
  { what: ':status in a request', sends: call(1, [[':status', '200'], ...CALL]), codes: [PROTOCOL] },
  { what: 'an unknown pseudo-header', sends: call(1, [[':unknown', 'a'], ...CALL]), codes: [PROTOCOL] },
  { what: 'connection', sends: call(1, withField('connection', 'close')), codes: [PROTOCOL] },
  { what: 'keep-alive', sends: call(1, withField('keep-alive', 'timeout=5')), codes: [PROTOCOL] },
  { what: 'proxy-connection', sends: call(1, withField('proxy-connection', 'close')), codes: [PROTOCOL] },
  { what: 'transfer-encoding', sends: call(1, withField('transfer-encoding', 'chunked')), codes: [PROTOCOL] },
  { what: 'upgrade', sends: call(1, withField('upgrade', 'h2c')), codes: [PROTOCOL] },
  { what: 'te: gzip', sends: call(1, [...without('te'), ['te', 'gzip']]), codes: [PROTOCOL] },
  { what: 'a content-length that is too short', sends: call(1, withField('content-length', '9')), codes: [PROTOCOL] },
  { what: 'a content-length that is too long', sends: call(1, withField('content-length', '11')), codes: [PROTOCOL] },
  {
    what: 'a content-length without content',
    sends: headers(1, withField('content-length', '1'), END_HEADERS | END_STREAM),
    codes: [PROTOCOL],
  },
  { what: 'a content-length that is no number', sends: call(1, withField('content-length', '1e1')), codes: [PROTOCOL] },
  { what: 'a negative content-length', sends: call(1, withField('content-length', '-1')), codes: [PROTOCOL] },
  {
    what: 'two content-lengths',
    sends: call(1, [...withField('content-length', '10'), ['content-length', '11']]),
    codes: [PROTOCOL],
  },
  { what: 'trailers that do not end the stream', sends: trailers([['x', 'y']], END_HEADERS), codes: [PROTOCOL] },
  { what: 'a pseudo-header in trailers', sends: trailers([[':path', '/S/Echo']]), codes: [PROTOCOL] },
  { what: 'a name in upper case in trailers', sends: trailers([['X', 'y']]), codes: [PROTOCOL] },
  { what: 'WINDOW_UPDATE of a stream by nothing', sends: [open(1), frame(WINDOW, 0, 1, uint32(0))], codes: [PROTOCOL] },
  {
    what: 'a window of a stream beyond the maximum',
    sends: [open(1), frame(WINDOW, 0, 1, uint32(2 ** 31 - 1))],
    codes: [FLOW],
  },
  {
    what: 'DATA after the end of the stream',
    sends: [call(1, callOf('ForEver')), frame(DATA, 0, 1, HELLO)],
    codes: [CLOSED],
  },
  {
    what: 'HEADERS after the end of the stream',
    sends: [call(1, callOf('ForEver')), headers(1, [['x', 'y']], END_HEADERS | END_STREAM)],
    codes: [CLOSED],
  },
];
for (const { what, sends, codes } of COST_THE_STREAM) {
  test(`${what}: costs the stream, and the connection goes on`, async (t) => {
    const { server, peer } = await rig(t);
    peer.send(Buffer.concat([sends].flat()));
    const { reset } = await peer.over(1);
    t.true(codes.includes(reset ?? -1), `reset with ${reset}, connection ${peer.fate}`);
    t.deepEqual(
      peer.stream(1).data.filter((data) => data.equals(HELLO)),
      [],
    );
    await served(t, peer, 3);
    await harmless(t, server, peer);
  });
}

test('what comes after a violation is not looked at', async (t) => {
  const { server, peer } = await rig(t);
  peer.send(frame(PING, 0, 0, noise(7)), call(1), frame(PING, 0, 0, noise(8)));
  t.is(await peer.end(), SIZE);
  peer.send(call(3));
  t.deepEqual(server.admitted, []);
  t.false(peer.frames.some(({ type }) => type === PING));
  await harmless(t, server, peer);
});
