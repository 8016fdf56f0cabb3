import test from 'ava';
import { plainBlock } from '../../fakes/hpack-encoder.js';
import { flood, letGo, MAX_QUEUED, memory, odd, ping, reset, rig } from '../../fakes/http2-flood.js';
import { Http2Peer } from '../../fakes/http2-peer.js';
import {
  CALL,
  call,
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
import { frame } from '../../workload-api/raw-http2.js';

// Clients that make work instead of calls. Each costs itself its connection or comes to a standstill, and costs nobody else anything.

const { DATA, HEADERS, PRIORITY, SETTINGS: SET, PING, WINDOW_UPDATE, CONTINUATION } = FRAME;
const { END_STREAM, END_HEADERS } = FLAG;
const emptySettings = frame(SET, 0, 0);
const bySettings = (index: number): Buffer => frame(SET, 0, 0, setting(4, index % 2));

/** Frames that want an answer, from a client that reads none. */
const UNREAD: Readonly<Record<string, (index: number) => Buffer>> = {
  pings: () => ping,
  settings: () => emptySettings,
  'settings that change every window': bySettings,
  'calls of no method': (index) => headers(odd(index), callOf('Nothing'), END_HEADERS | END_STREAM),
  'calls that are no gRPC': (index) => headers(odd(index), [...CALL.slice(0, 4)], END_HEADERS | END_STREAM),
  'calls that are malformed': (index) => headers(odd(index), [...CALL, ['Upper', 'case']], END_HEADERS | END_STREAM),
  'whole calls': (index) => call(odd(index)),
};
for (const [what, part] of Object.entries(UNREAD)) {
  test.serial(`${what} without end, and nobody reads the answers: few are kept, and the connection ends`, async (t) => {
    const flooding = await rig(t);
    flooding.peer.socket.pause();
    const { queued, outcome } = await flood(flooding, 60_000, part);
    t.not(outcome, 'taken');
    t.true(queued < MAX_QUEUED, `${queued} bytes wait`);
    await letGo(flooding, outcome);
    await harmless(t, flooding.server, flooding.peer);
  });
}

/** What costs the client less than the server, though it reads every answer. */
const COSTLY: Readonly<Record<string, (index: number) => Buffer>> = {
  'calls that are reset at once': (index) => Buffer.concat([open(odd(index), 'ForEver'), reset(odd(index))]),
  'whole calls that are reset at once': (index) =>
    Buffer.concat([call(odd(index), callOf('ForEver')), reset(odd(index))]),
  'calls that the server has to reset': (index) =>
    Buffer.concat([open(odd(index), 'Deaf'), frame(WINDOW_UPDATE, 0, odd(index), uint32(0))]),
  'calls that are malformed': (index) => headers(odd(index), [...CALL, ['Upper', 'case']]),
  'calls with a message after their end': (index) =>
    Buffer.concat([call(odd(index), callOf('ForEver')), frame(DATA, 0, odd(index), HELLO)]),
};
for (const [what, part] of Object.entries(COSTLY)) {
  test.serial(`${what}, without end: the client is sent away before long`, async (t) => {
    const flooding = await rig(t);
    const { outcome, parts } = await flood(flooding, 50_000, part);
    t.is(outcome, 'closed');
    t.true(parts <= 5_000, `after ${parts}`);
    t.true(
      ([CODE.CALM, CODE.PROTOCOL, CODE.STREAM_CLOSED] as unknown[]).includes(await flooding.peer.end()),
      String(flooding.peer.fate),
    );
    await harmless(t, flooding.server, flooding.peer);
  });
}

/** Frames that mean nothing, and cost nothing: a server may read on, or not. */
const IDLE: Readonly<Record<string, (index: number) => Buffer>> = {
  priorities: () => frame(PRIORITY, 0, 1, Buffer.alloc(5)),
  'priorities of new streams': (index) => frame(PRIORITY, 0, odd(index % 2 ** 29) + 2, Buffer.alloc(5)),
  'frames of an unknown type': () => frame(0x77, 0, 0, Buffer.alloc(5)),
  'small windows': () => frame(WINDOW_UPDATE, 0, 0, uint32(1)),
  'empty data': () => frame(DATA, 0, 1),
  'acknowledgements of pings': () => frame(PING, FLAG.ACK, 0, Buffer.alloc(8)),
  'resets of one call': () => reset(3),
  'calls of no method that are reset at once': (index) =>
    Buffer.concat([open(odd(index) + 4, 'Nothing'), reset(odd(index) + 4)]),
  'pings whose answers are read': () => ping,
  'settings whose answers are read': bySettings,
};
for (const [what, part] of Object.entries(IDLE)) {
  test.serial(`${what}, without end: nothing grows, and others are served meanwhile`, async (t) => {
    const flooding = await rig(t);
    flooding.peer.send(open(1), open(3), reset(3));
    await flooding.peer.answers();
    const before = memory();
    const [{ queued }] = await Promise.all([
      flood(flooding, 30_000, part),
      (async () => {
        const other = Http2Peer.greeted(flooding.server.socketPath);
        for (let stream = 1; stream < 40; stream += 2) await served(t, other, stream);
        other.destroy();
      })(),
    ]);
    t.true(queued < MAX_QUEUED, `${queued} bytes wait`);
    flooding.peer.frames.length = 0;
    flooding.peer.streams.clear();
    const more = memory() - before;
    t.true(more < 10_000_000, `${more} bytes more`);
    await harmless(t, flooding.server, flooding.peer);
  });
}

const BLOCKS: Readonly<Record<string, Buffer>> = {
  'of empty frames': Buffer.alloc(0),
  'of full frames': Buffer.alloc(16_384, 0x82),
  'of frames of one octet': Buffer.of(0x82),
  'of table sizes': Buffer.alloc(1_000, 0x20),
};
for (const [what, payload] of Object.entries(BLOCKS)) {
  test.serial(`a header block ${what} that never ends is given up`, async (t) => {
    const flooding = await rig(t);
    const before = memory();
    flooding.peer.send(frame(HEADERS, 0, 1, plainBlock(CALL)));
    const { outcome, parts } = await flood(flooding, 100_000, () => frame(CONTINUATION, 0, 1, payload));
    t.is(outcome, 'closed');
    t.true(parts <= 66_000, `after ${parts}`);
    const more = memory() - before;
    t.true(more < 10_000_000, `${more} bytes more`);
    t.deepEqual(flooding.server.admitted, []);
    await harmless(t, flooding.server, flooding.peer);
  });
}
