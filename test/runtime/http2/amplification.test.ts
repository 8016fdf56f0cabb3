import test from 'ava';
import { literalString } from '../../fakes/hpack-encoder.js';
import { KEEPALIVE, memory, odd, rig, turn } from '../../fakes/http2-flood.js';
import { Http2Peer } from '../../fakes/http2-peer.js';
import { CALL, call, callOf, FLAG, FRAME, harmless, headers, open } from '../../fakes/raw-grpc.js';
import { frame } from '../../workload-api/raw-http2.js';

// What little can make the server keep or write much.

const { DATA, HEADERS, GOAWAY } = FRAME;
const { END_STREAM, END_HEADERS } = FLAG;

test.serial('small requests for large refusals: few wait to be written', async (t) => {
  const { server, clock, peer } = await rig(t);
  const path = `/${'\xfc'.repeat(3_000)}`;
  // The path enters the table once, and is one octet in each request.
  const first = Buffer.concat([
    ...[Buffer.of(0x83, 0x86, 0x44), literalString(path), Buffer.of(0x5f), literalString('application/grpc')],
  ]);
  const peers = Array.from({ length: 8 }, () => Http2Peer.greeted(server.socketPath));
  for (const each of peers) {
    each.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, first));
    await each.over(1);
    each.socket.pause();
  }
  const requests = Array.from({ length: 4_000 }, (_, index) =>
    frame(HEADERS, END_HEADERS | END_STREAM, odd(index + 1), Buffer.of(0x83, 0x86, 0xbf, 0xbe)),
  );
  const before = memory();
  let most = 0;
  for (const each of peers) each.send(...requests);
  for (let turns = 0; turns < 300; turns++) {
    await turn();
    most = Math.max(most, process.memoryUsage().arrayBuffers);
  }
  t.true(most < before + 8 * 1_000_000, `${most - before} bytes more`);
  await clock.advance(KEEPALIVE);
  await harmless(t, server, peer, ...peers);
});

test.serial('the beginning of a message keeps no more than its octets', async (t) => {
  const { server, peer } = await rig(t);
  const before = memory();
  const ballast = frame(0x77, 0, 0, Buffer.alloc(16_000));
  for (let stream = 0; stream < 100; stream++) {
    peer.send(open(odd(stream)), ballast, ballast, ballast, frame(DATA, 0, odd(stream), Buffer.of(0)));
    t.true(await peer.answers());
  }
  const more = memory() - before;
  t.true(more < 100 * 20_000, `${more} bytes more`);
  await harmless(t, server, peer);
});

test.serial('a client that says goodbye, and calls again all the same, is told something', async (t) => {
  const { server, peer } = await rig(t);
  peer.send(call(1, callOf('ForEver')), frame(GOAWAY, 0, 0, Buffer.alloc(8)));
  await peer.until(() => peer.stream(1).data.length > 0);
  peer.send(headers(3, CALL, END_HEADERS | END_STREAM));
  for (let turns = 0; turns < 300; turns++) await turn();
  const after = peer.stream(3);
  t.true(after.ended || after.reset !== undefined || peer.fate !== 'open');
  await harmless(t, server, peer);
});
