import test from 'ava';
import { literalString, plainBlock } from '../../fakes/hpack-encoder.js';
import { flood, letGo, MAX_QUEUED, memory, odd, rig, turn } from '../../fakes/http2-flood.js';
import { Http2Peer } from '../../fakes/http2-peer.js';
import {
  CALL,
  call,
  callOf,
  CODE,
  FLAG,
  FRAME,
  harmless,
  HELLO,
  open,
  served,
  setting,
  uint32,
} from '../../fakes/raw-grpc.js';
import { frame } from '../../workload-api/raw-http2.js';

// What one client can make the server keep, write or work.

const { DATA, HEADERS, SETTINGS: SET, WINDOW_UPDATE, CONTINUATION } = FRAME;
const { END_STREAM, END_HEADERS } = FLAG;

/** A header block that does not end, an octet in each frame. */
function endlessBlock(): Buffer {
  const octets = Array.from({ length: 50_000 }, () => frame(CONTINUATION, 0, 1, Buffer.of(0x82)));
  return Buffer.concat([frame(HEADERS, 0, 1), ...octets]);
}

test.serial('a header block in very many frames takes no more room than its octets', async (t) => {
  const flooding = await rig(t);
  const { server } = flooding;
  const block = endlessBlock();
  const before = memory();
  const peers = Array.from({ length: 20 }, () => Http2Peer.greeted(server.socketPath));
  for (const peer of peers) {
    peer.send(block);
    for (let turns = 0; turns < 50; turns++) await turn();
  }
  while (peers.some(({ socket }) => socket.writableLength > 0 && !socket.destroyed)) await turn();
  const more = memory() - before;
  t.true(more < 20 * 200_000, `${more} bytes more`);
  await harmless(t, server, flooding.peer, ...peers);
});

test.serial('messages that wait for a slow method take no more room than their octets', async (t) => {
  const { server, peer } = await rig(t);
  const before = memory();
  const messages = Buffer.alloc(5 * 3_000);
  for (let stream = 0; stream < 100; stream++) {
    peer.send(open(odd(stream), 'Deaf'), ...Array.from({ length: 4 }, () => frame(DATA, 0, odd(stream), messages)));
    t.true(await peer.answers());
  }
  const more = memory() - before;
  t.true(more < 100 * 100_000, `${more} bytes more`);
  await harmless(t, server, peer);
});

/** A message without its end, an octet in each frame. */
function singleOctets(stream: number): Buffer {
  const octets = Array.from({ length: 60_000 }, () => frame(DATA, 0, stream, Buffer.of(0)));
  return Buffer.concat([frame(DATA, 0, stream, Buffer.from([0, 0, 1, 0, 0])), ...octets]);
}

test.serial('a message in single octets takes no more room than it is', async (t) => {
  const { server, peer } = await rig(t);
  const before = memory();
  for (let stream = 0; stream < 20; stream++) {
    peer.send(open(odd(stream)), singleOctets(odd(stream)));
    t.true(await peer.answers());
  }
  const more = memory() - before;
  t.true(more < 20 * 200_000, `${more} bytes more`);
  await harmless(t, server, peer);
});

test.serial('a refusal fits the frames of every client, whatever it repeats', async (t) => {
  const { server, peer } = await rig(t);
  const path = `/${'\xfc'.repeat(12_000)}`;
  const fields = CALL.map(([name, value]) => [name, name === ':path' ? path : value] as const);
  peer.send(call(1, fields));
  const seen = await peer.over(1);
  t.is(seen.headers.at(-1)?.find(([name]) => name === 'grpc-status')?.[1], '12');
  t.true(peer.largest <= 16_384, `a frame of ${peer.largest} bytes`);
  await harmless(t, server, peer);
});

const LONG = 'v'.repeat(3_900);
/** Blocks of one or more frames that become a list far beyond 64 KiB. */
const BOMBS: Readonly<Record<string, Buffer>> = {
  'one long field, many times': Buffer.concat([
    ...[plainBlock(CALL), Buffer.of(0x40), literalString('x-bomb'), literalString(LONG)],
    Buffer.alloc(12_000, 0xbe),
  ]),
  'one long name, many times': Buffer.concat([
    ...[plainBlock(CALL), Buffer.of(0x40), literalString('x'.repeat(3_900)), literalString('')],
    Buffer.alloc(12_000, 0xbe),
  ]),
  'a short field, very many times': Buffer.concat([
    plainBlock(CALL),
    Buffer.of(0x40),
    literalString('x'),
    literalString(''),
    Buffer.alloc(16_000, 0xbe),
  ]),
};
for (const [what, block] of Object.entries(BOMBS)) {
  test.serial(`a header list of ${what}, is no call`, async (t) => {
    const { server, peer } = await rig(t);
    const before = memory();
    for (let stream = 1; stream < 60 && peer.fate === 'open'; stream += 2) {
      peer.send(frame(HEADERS, END_HEADERS, stream, block), frame(DATA, END_STREAM, stream, HELLO));
      const seen = await peer.over(stream);
      t.deepEqual(seen.data, []);
    }
    t.deepEqual(server.admitted, []);
    if (peer.fate === 'open') await served(t, peer, 101);
    const more = memory() - before;
    t.true(more < 10_000_000, `${more} bytes more`);
    await harmless(t, server, peer);
  });
}

test.serial('headers of 100,000 octets are no call', async (t) => {
  const { server, peer } = await rig(t);
  const block = plainBlock([...CALL, ...Array.from({ length: 25 }, (_, i) => [`x-${i}`, 'v'.repeat(4_000)] as const)]);
  const frames: Buffer[] = [];
  for (let at = 0; at < block.length; at += 16_000) {
    const last = at + 16_000 >= block.length ? END_HEADERS : 0;
    frames.push(frame(at === 0 ? HEADERS : CONTINUATION, last, 1, block.subarray(at, at + 16_000)));
  }
  peer.send(...frames, frame(DATA, END_STREAM, 1, HELLO));
  t.deepEqual((await peer.over(1)).data, []);
  t.deepEqual(server.admitted, []);
  await harmless(t, server, peer);
});

test.serial('what a client may say to a method that does not listen is bounded by its windows', async (t) => {
  const { server, peer } = await rig(t);
  const before = memory();
  for (let stream = 1; stream < 200; stream += 2) peer.send(open(stream, 'Deaf'));
  t.true(await peer.answers());
  const piece = frame(DATA, 0, 1, Buffer.alloc(16_384));
  let sent = 0;
  for (; sent < 2_000 && peer.fate === 'open'; sent++) {
    piece.writeUInt32BE(odd(sent % 100), 5);
    peer.send(piece);
    // What this end still has to write is not the server's.
    while (peer.socket.writableLength > 0 && !peer.socket.destroyed) await turn();
  }
  if (peer.fate === 'open') await peer.answers();
  const more = memory() - before;
  t.true(more < 100 * 70_000 + 10_000_000, `${more} bytes more`);
  t.true(
    [CODE.FLOW_CONTROL, CODE.CALM].includes(Number(peer.fate)) ||
      [...peer.streams.values()].some(({ reset: code }) => code === CODE.FLOW_CONTROL),
  );
  await harmless(t, server, peer);
});

test.serial('calls that have ended leave nothing behind, however long they might have taken', async (t) => {
  const { server, peer } = await rig(t);
  peer.send(frame(WINDOW_UPDATE, 0, 0, uint32(2 ** 30)));
  const calls = async (from: number, to: number): Promise<number> => {
    for (let index = from; index < to; index++) {
      peer.send(call(odd(index), [...CALL, ['grpc-timeout', '1H']]));
      if (index % 50 === 49) await peer.over(odd(index));
    }
    for (const kept of [peer.streams, server.admitted, server.handled]) {
      if (Array.isArray(kept)) kept.length = 0;
      else kept.clear();
    }
    return memory();
  };
  const before = await calls(0, 2_000);
  const more = (await calls(2_000, 12_000)) - before;
  t.true(more < 1_000_000, `${more} bytes more`);
  await harmless(t, server, peer);
});

test.serial(
  'what a client sent before it knew of an end is ignored, and after a hundred further ends it ought to know',
  async (t) => {
    const { server, peer } = await rig(t);
    for (let index = 0; index < 150; index++) peer.send(open(odd(index), 'Nothing'));
    t.true(await peer.answers());
    const known = [0, 149].map((index) => peer.stream(odd(index)).reset);
    t.deepEqual(known, [CODE.NO_ERROR, CODE.NO_ERROR]);
    for (const index of [0, 149]) peer.send(frame(DATA, 0, odd(index), HELLO));
    t.true(await peer.answers());
    t.is(peer.stream(odd(0)).reset, CODE.STREAM_CLOSED);
    t.is(peer.stream(odd(149)).reset, CODE.NO_ERROR);
    await harmless(t, server, peer);
  },
);

test.serial('windows are as large as the client is told, and no larger', async (t) => {
  const windows = { connection: 500_000, stream: 200_000 };
  const { server, peer } = await rig(t, { windows });
  const told = peer.frames.filter(({ type, stream }) => type === WINDOW_UPDATE && stream === 0);
  t.deepEqual(
    told.map(({ payload }) => payload.readUInt32BE(0)),
    [500_000 - 65_535],
  );
  t.true(peer.frames[0]?.payload.includes(setting(4, 200_000)));
  const fill = (stream: number, length: number): Buffer[] => {
    const messages = Buffer.alloc(length);
    const pieces: Buffer[] = [];
    for (let at = 0; at < length; at += 16_000) pieces.push(frame(DATA, 0, stream, messages.subarray(at, at + 16_000)));
    return pieces;
  };
  // The first of the empty messages is never dealt with, so nothing of a stream is given back.
  peer.send(open(1, 'Deaf'), ...fill(1, 200_000), open(3, 'Deaf'), ...fill(3, 200_000));
  t.true(await peer.answers());
  peer.send(frame(DATA, 0, 3, Buffer.of(0)));
  t.is(await peer.end(), CODE.FLOW_CONTROL);
  await harmless(t, server, peer);
});

test.serial('a stream whose window is exceeded ends, or its connection does', async (t) => {
  const { server, peer } = await rig(t);
  peer.send(open(1, 'Deaf'));
  t.true(await peer.answers());
  for (let sent = 0; sent < 10 && peer.fate === 'open'; sent++) {
    peer.send(frame(DATA, 0, 1, Buffer.alloc(16_384)));
    await peer.answers();
  }
  t.true(peer.fate === CODE.FLOW_CONTROL || peer.stream(1).reset === CODE.FLOW_CONTROL, `${peer.fate}`);
  await harmless(t, server, peer);
});

for (const streams of [1, 100]) {
  test.serial(`a reader with ${streams} calls that reads nothing: little is made for it, and it goes`, async (t) => {
    const stalled = await rig(t);
    const { server, peer } = stalled;
    peer.send(frame(SET, 0, 0, setting(4, 2 ** 31 - 1)), frame(WINDOW_UPDATE, 0, 0, uint32(2 ** 31 - 1 - 65_535)));
    t.true(await peer.answers());
    peer.socket.pause();
    const before = memory();
    for (let stream = 0; stream < streams; stream++) peer.send(call(odd(stream), callOf('Pour')));
    const [socket] = server.sockets;
    let queued = 0;
    for (let turns = 0; turns < 300; turns++) {
      await turn();
      queued = Math.max(queued, socket?.writableLength ?? 0);
    }
    t.is(server.server.openCalls, streams);
    t.true(queued < MAX_QUEUED, `${queued} bytes wait`);
    // Each call has one message of its own, of 1 MB, under way.
    const more = memory() - before;
    t.true(more < streams * 2_100_000 + 10_000_000, `${more} bytes more`);
    await letGo(stalled, 'standstill');
    await harmless(t, server, peer);
  });
}

test.serial('a window that grows by one octet at a time: sent octet by octet, and others are served', async (t) => {
  const dribble = await rig(t);
  const { server, peer } = dribble;
  peer.send(frame(SET, 0, 0, setting(4, 0)), call(1, callOf('Pour')));
  t.true(await peer.answers());
  const other = Http2Peer.greeted(server.socketPath);
  await flood(dribble, 2_000, () => frame(WINDOW_UPDATE, 0, 1, uint32(1)));
  await served(t, other, 1);
  if (peer.fate === 'open') {
    await peer.answers();
    t.is(Buffer.concat(peer.stream(1).data).length, 2_000);
  }
  await harmless(t, server, peer, other);
});

test.serial('more calls than allowed at a time are refused, the others go on', async (t) => {
  const { server, peer } = await rig(t, { streamsPerConnection: 10 });
  for (let stream = 0; stream < 12; stream++) peer.send(open(odd(stream)));
  t.true(await peer.answers());
  for (const index of [10, 11]) t.is((await peer.over(odd(index))).reset, CODE.REFUSED);
  t.is(server.server.openCalls, 10);
  peer.send(frame(DATA, END_STREAM, 19, HELLO));
  t.deepEqual(Buffer.concat((await peer.over(19)).data), HELLO);
  await served(t, peer, 25);
  await harmless(t, server, peer);
});
