import test from 'ava';
import { framed } from '../../../src/runtime/grpc-frame.js';
import { EchoGrpcServer } from '../../fakes/echo-grpc-server.js';
import { FakeClock } from '../../fakes/fake-clock.js';
import { integer } from '../../fakes/hpack-encoder.js';
import { KEEPALIVE, memory, odd, PATIENCE, ping, reset, turn } from '../../fakes/http2-flood.js';
import { Http2Peer } from '../../fakes/http2-peer.js';
import { CALL, call, callOf, FLAG, FRAME, harmless, headers, HELLO, open, served } from '../../fakes/raw-grpc.js';
import { frame, PREFACE, SETTINGS, SETTINGS_ACK } from '../../workload-api/raw-http2.js';

// Clients that stop half-way, or leave.

const { DATA, HEADERS, CONTINUATION } = FRAME;
const { END_HEADERS } = FLAG;
/** Beginnings after which nothing comes. */
const SLOW: Readonly<Record<string, Buffer>> = {
  nothing: Buffer.alloc(0),
  'half a preface': PREFACE.subarray(0, 12),
  'a preface': PREFACE,
  'half a frame': Buffer.concat([PREFACE, SETTINGS, SETTINGS_ACK, call(1).subarray(0, 30)]),
  'half a header block': Buffer.concat([PREFACE, SETTINGS, SETTINGS_ACK, headers(1, CALL, 0)]),
  'half a message': Buffer.concat([
    PREFACE,
    SETTINGS,
    SETTINGS_ACK,
    headers(1),
    frame(DATA, 0, 1, HELLO.subarray(0, 7)),
  ]),
  'half a call, and no acknowledgement': Buffer.concat([PREFACE, SETTINGS, headers(1)]),
};
for (const [what, begins] of Object.entries(SLOW)) {
  test.serial(`a client that sends ${what} and then nothing is gone after a while`, async (t) => {
    const clock = new FakeClock();
    const server = await EchoGrpcServer.open(t, { clock });
    const peer = new Http2Peer(server.socketPath);
    peer.send(begins);
    while (server.sockets.size === 0) await turn();
    for (let turns = 0; turns < 20; turns++) await turn();
    await clock.advance(KEEPALIVE);
    await peer.end();
    await harmless(t, server, peer);
  });
}

test.serial('a client that sends an octet now and then, and never a whole call, is gone after a while', async (t) => {
  const clock = new FakeClock();
  const server = await EchoGrpcServer.open(t, { clock });
  const peer = new Http2Peer(server.socketPath);
  const drip = Buffer.concat([PREFACE, SETTINGS, headers(1, [...CALL, ['x-slow', 'v'.repeat(8_000)]])]);
  let at = 0;
  for (let passed = 0; passed < PATIENCE && !peer.socket.destroyed; passed += 5_000) {
    peer.send(drip.subarray(at, ++at));
    for (let turns = 0; turns < 5; turns++) await turn();
    await clock.advance(5_000);
  }
  await peer.end();
  await harmless(t, server, peer);
});

for (const [what, sends] of Object.entries({
  nothing: Buffer.alloc(0),
  'half a preface': PREFACE.subarray(0, 12),
  'a preface': Buffer.concat([PREFACE, SETTINGS]),
  'half a frame': Buffer.concat([PREFACE, SETTINGS, call(1).subarray(0, 30)]),
  'a call that lasts': Buffer.concat([PREFACE, SETTINGS, call(1, callOf('ForEver'))]),
  'a call without its message': Buffer.concat([PREFACE, SETTINGS, open(1)]),
})) {
  test.serial(`a client that sends ${what} and closes its half is let go`, async (t) => {
    const server = await EchoGrpcServer.open(t, { clock: new FakeClock() });
    const peer = new Http2Peer(server.socketPath, { allowHalfOpen: true });
    peer.socket.end(sends);
    await new Promise((resolve) => peer.socket.once('end', resolve));
    while (server.sockets.size > 0) await turn();
    t.is(server.server.openCalls, 0);
    await harmless(t, server, peer);
  });
}

test.serial('a client that never acknowledges settings is served', async (t) => {
  const server = await EchoGrpcServer.open(t, { clock: new FakeClock() });
  const peer = new Http2Peer(server.socketPath);
  peer.send(PREFACE, SETTINGS);
  for (let stream = 1; stream < 20; stream += 2) await served(t, peer, stream);
  await harmless(t, server, peer);
});

const HOSTILE: readonly ((peer: Http2Peer) => void)[] = [
  (peer) => peer.send(Buffer.from('GET / HTTP/1.1\r\n\r\n')),
  (peer) => peer.send(PREFACE.subarray(0, 7)),
  (peer) => peer.send(PREFACE, SETTINGS, Buffer.alloc(500, 0xff)),
  (peer) => peer.send(PREFACE, SETTINGS, headers(1, CALL, 0), frame(CONTINUATION, 0, 1, Buffer.alloc(9_000, 0x82))),
  (peer) =>
    void peer.socket.pause().write(Buffer.concat([PREFACE, SETTINGS, ...Array.from({ length: 2_000 }, () => ping)])),
  (peer) =>
    peer.send(
      PREFACE,
      SETTINGS,
      ...Array.from({ length: 300 }, (_, i) => Buffer.concat([open(odd(i)), reset(odd(i))])),
    ),
  (peer) => void peer.socket.pause().write(Buffer.concat([PREFACE, SETTINGS, call(1, callOf('Pour'))])),
  (peer) => peer.send(PREFACE, SETTINGS, frame(HEADERS, END_HEADERS, 1, integer(2 ** 31, 7, 0x80))),
  (peer) => void peer.socket.end(Buffer.concat([PREFACE, SETTINGS, call(1, callOf('ForEver'))])),
  (peer) =>
    void peer.socket.write(Buffer.concat([PREFACE, SETTINGS, call(1, callOf('ForEver'))]), () => peer.destroy()),
  (peer) =>
    peer.send(
      PREFACE,
      SETTINGS,
      open(1, 'Deaf'),
      ...Array.from({ length: 5 }, () => frame(DATA, 0, 1, Buffer.alloc(16_384))),
    ),
];

test.serial(
  'two hundred hostile connections of every kind, and two hundred good ones are served among them',
  async (t) => {
    const clock = new FakeClock();
    const server = await EchoGrpcServer.open(t, { clock });
    const before = memory();
    const [good, hostile]: [Http2Peer[], Http2Peer[]] = [[], []];
    for (let index = 0; index < 200; index++) {
      const bad = new Http2Peer(server.socketPath);
      HOSTILE[index % HOSTILE.length]?.(bad);
      hostile.push(bad);
      const peer = Http2Peer.greeted(server.socketPath);
      peer.send(call(1, callOf('ForEver')), open(3));
      good.push(peer);
    }
    await Promise.all(good.map((peer, index) => served(t, peer, index % 2 === 0 ? 5 : 7)));
    for (const peer of good) peer.send(frame(DATA, 0, 3, framed(Buffer.alloc(3_000, 'x'))));
    await Promise.all(good.map((peer) => peer.until(() => Buffer.concat(peer.stream(3).data).length === 3_005)));
    const more = memory() - before;
    t.true(more < 100_000_000, `${more} bytes more`);
    t.true(good.every((peer) => peer.fate === 'open' && peer.stream(1).data.length === 1));
    await harmless(t, server, ...hostile, ...good);
  },
);
