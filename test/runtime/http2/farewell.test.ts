import test from 'ava';
import { SpirlError } from '../../../src/runtime/errors.js';
import { ECHO_LIMITS } from '../../fakes/echo-grpc-server.js';
import { rig, turn } from '../../fakes/http2-flood.js';
import { call, callOf, CODE, FLAG, FRAME, harmless, HELLO, open, served, uint32 } from '../../fakes/raw-grpc.js';
import type { Http2Peer } from '../../fakes/http2-peer.js';
import { frame } from '../../workload-api/raw-http2.js';

// How a connection ends when either side is done with it.

const { DATA, GOAWAY } = FRAME;
const { END_STREAM } = FLAG;
const goaway = (code: number): Buffer => frame(GOAWAY, 0, 0, Buffer.concat([uint32(0), uint32(code)]));

function answerPings(peer: Http2Peer): void {
  peer.socket.on('data', () => {
    for (const { type, flags, payload } of peer.frames.splice(0)) {
      if (type === FRAME.PING && flags === 0) peer.send(frame(FRAME.PING, FLAG.ACK, 0, payload));
    }
  });
}

test.serial('a client that says goodbye gets the answers it waits for, and is not waited for', async (t) => {
  const { server, peer } = await rig(t);
  peer.send(open(1), frame(GOAWAY, 0, 0, Buffer.alloc(8)), frame(DATA, END_STREAM, 1, HELLO));
  t.deepEqual(Buffer.concat((await peer.over(1)).data), HELLO);
  peer.send(call(3));
  const after = await peer.over(3);
  // Served, refused or closed: all are right. To be silent would not be.
  t.true(after.ended || after.reset !== undefined || peer.socket.destroyed);
  await harmless(t, server, peer);
});

test.serial('a client that leaves because of an error gets what it waits for, and is gone', async (t) => {
  const { server, peer } = await rig(t);
  peer.send(open(1), goaway(CODE.PROTOCOL), frame(DATA, END_STREAM, 1, HELLO));
  await peer.end();
  t.deepEqual(Buffer.concat(peer.stream(1).data), HELLO);
  t.true(peer.stream(1).ended);
  await harmless(t, server, peer);
});

test.serial('a client without calls that says goodbye is let go at once', async (t) => {
  const { server, peer } = await rig(t);
  await served(t, peer, 1);
  peer.send(goaway(0));
  await peer.end();
  t.is(server.server.openCalls, 0);
  await harmless(t, server, peer);
});

test.serial('at its stop the server says what was the last call, ends it well, and begins no other', async (t) => {
  const { server, clock, peer } = await rig(t);
  peer.send(open(5), open(7));
  t.true(await peer.answers());
  const stopped = server.server.shutdown(5_000);
  await peer.until(() => peer.fate !== 'open');
  t.is(peer.fate, CODE.NO_ERROR);
  const [last] = peer.frames.filter(({ type }) => type === GOAWAY);
  t.is(last?.payload.readUInt32BE(0), 7);
  peer.send(call(9), frame(DATA, END_STREAM, 5, HELLO), frame(DATA, END_STREAM, 7, HELLO));
  await peer.end();
  for (const stream of [5, 7]) t.deepEqual(Buffer.concat(peer.stream(stream).data), HELLO);
  t.deepEqual(peer.stream(9).data, []);
  await stopped;
  t.deepEqual(server.handled, ['Chat OK', 'Chat OK']);
  t.is(clock.sleeping, 0);
});

test.serial('at its stop the server waits for calls no longer than it is told to', async (t) => {
  const { server, clock, peer } = await rig(t);
  peer.send(call(1, callOf('ForEver')));
  t.true(await peer.answers());
  const stopped = server.server.shutdown(5_000);
  await clock.advance(4_999);
  t.is(server.server.openCalls, 1);
  await clock.advance(1);
  await stopped;
  await peer.end();
  t.is(server.server.openCalls, 0);
  t.deepEqual([server.handled, server.took], [['ForEver CANCELLED'], [5]]);
});

test.serial('calls that are ended at the stop end in the words of the stop', async (t) => {
  const { server, peer } = await rig(t);
  peer.send(call(1, callOf('ForEver')), open(3));
  await peer.until(() => peer.stream(1).data.length > 0);
  server.server.endCalls(new SpirlError('UNAVAILABLE', 'stopping'));
  const stopped = server.server.shutdown(5_000);
  for (const stream of [1, 3]) {
    const { headers: lists } = await peer.over(stream);
    t.deepEqual(
      lists.at(-1)?.find(([name]) => name === 'grpc-status'),
      ['grpc-status', '14'],
    );
  }
  await peer.end();
  await stopped;
});

for (const calls of [0, 1]) {
  test.serial(`a connection that has had ${calls} calls is said goodbye to after a while`, async (t) => {
    const { server, clock, peer } = await rig(t);
    if (calls > 0) await served(t, peer, 1);
    answerPings(peer);
    for (let passed = 0; passed < ECHO_LIMITS.idleMs + 5_000; passed += 5_000) {
      await clock.advance(5_000);
      for (let turns = 0; turns < 5; turns++) await turn();
      if (passed < ECHO_LIMITS.idleMs - 10_000) t.is(peer.fate, 'open');
    }
    t.is(await peer.end(), CODE.NO_ERROR);
    await harmless(t, server, peer);
  });
}

test.serial('a connection with a call stays as long as its client answers pings', async (t) => {
  const { server, clock, peer } = await rig(t);
  peer.send(call(1, callOf('ForEver')));
  answerPings(peer);
  for (let passed = 0; passed < 3 * ECHO_LIMITS.idleMs; passed += 5_000) {
    await clock.advance(5_000);
    for (let turns = 0; turns < 5; turns++) await turn();
  }
  t.is(peer.fate, 'open');
  t.is(server.server.openCalls, 1);
  await harmless(t, server, peer);
});
