import test, { type ExecutionContext } from 'ava';
import { framed } from '../../../src/runtime/grpc-frame.js';
import { odd, reset, rig, type Rig } from '../../fakes/http2-flood.js';
import { FLAG, FRAME, harmless, open, served, uint32 } from '../../fakes/raw-grpc.js';
import { frame } from '../../workload-api/raw-http2.js';

// Requests that come in parts: those of one connection take no more than two of the longest.

const LONGEST = 60_000;
/** Nearly the longest request, and all but its last octet. */
const REQUEST = framed(Buffer.alloc(LONGEST - 1_000, 'a'));
const PART = REQUEST.subarray(0, -1);

async function begun(t: ExecutionContext): Promise<Rig> {
  const rigged = await rig(t, { maxRequestBytes: LONGEST });
  // Room for all answers.
  rigged.peer.send(frame(FRAME.WINDOW_UPDATE, 0, 0, uint32(2 ** 30)));
  return rigged;
}

/** Begins a request that lacks its end. */
async function begin({ peer }: Rig, stream: number): Promise<void> {
  peer.send(open(stream, 'Echo'));
  for (let at = 0; at < PART.length; at += 10_000) {
    peer.send(frame(FRAME.DATA, 0, stream, PART.subarray(at, at + 10_000)));
    await peer.answers();
  }
}

function finish({ peer }: Rig, stream: number): void {
  peer.send(frame(FRAME.DATA, FLAG.END_STREAM, stream, REQUEST.subarray(-1)));
}

const statusOf = ({ peer }: Rig, stream: number): string | undefined =>
  peer
    .stream(stream)
    .headers.at(-1)
    ?.find(([name]) => name === 'grpc-status')?.[1];

test('a third one is refused, and those before it are served', async (t) => {
  const rigged = await begun(t);
  const { server, peer } = rigged;
  for (const stream of [1, 3, 5]) await begin(rigged, stream);
  await peer.over(5);
  t.is(statusOf(rigged, 5), '8');
  for (const stream of [1, 3]) {
    finish(rigged, stream);
    const seen = await peer.over(stream);
    t.true(Buffer.concat(seen.data).equals(REQUEST));
    t.is(statusOf(rigged, stream), '0');
  }
  await harmless(t, server, peer);
});

test('one that is complete, cancelled or refused makes room', async (t) => {
  const rigged = await begun(t);
  const { server, peer } = rigged;
  for (let index = 0; index < 12; index += 3) {
    const [complete, cancelled, refused] = [odd(index), odd(index + 1), odd(index + 2)];
    await begin(rigged, complete);
    await begin(rigged, cancelled);
    await begin(rigged, refused);
    await peer.over(refused);
    t.is(statusOf(rigged, refused), '8');
    peer.send(reset(cancelled));
    finish(rigged, complete);
    await peer.over(complete);
    t.is(statusOf(rigged, complete), '0');
  }
  await served(t, peer, 101);
  await harmless(t, server, peer);
});
