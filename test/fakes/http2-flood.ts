import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { ExecutionContext } from 'ava';
import type { GrpcServerLimits } from '../../src/runtime/grpc-server/grpc-server.js';
import { frame } from '../workload-api/raw-http2.js';
import { ECHO_LIMITS, EchoGrpcServer } from './echo-grpc-server.js';
import { FakeClock } from './fake-clock.js';
import { Http2Peer } from './http2-peer.js';
import { CODE, FRAME, uint32 } from './raw-grpc.js';

/** Time after which a client that answers no ping is gone, and one that makes no call. In milliseconds. */
export const KEEPALIVE = ECHO_LIMITS.keepaliveMs + ECHO_LIMITS.keepaliveTimeoutMs + 1_000;
export const PATIENCE = ECHO_LIMITS.idleMs + ECHO_LIMITS.keepaliveMs + ECHO_LIMITS.keepaliveTimeoutMs + 1_000;
/** What a connection may have waiting to be written: a message of `Pour` and some answers. */
export const MAX_QUEUED = 2_000_000;

export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export interface Rig {
  readonly server: EchoGrpcServer;
  readonly clock: FakeClock;
  readonly peer: Http2Peer;
}

export async function rig(t: ExecutionContext, limits: Partial<GrpcServerLimits> = {}): Promise<Rig> {
  t.timeout(20_000);
  const clock = new FakeClock();
  const server = await EchoGrpcServer.open(t, { clock, limits });
  const peer = Http2Peer.greeted(server.socketPath);
  t.true(await peer.answers());
  return { server, clock, peer };
}

/** The most that the server had waiting to be written, in bytes, and how it went on. */
export interface Flooded {
  readonly queued: number;
  /** `closed` by the server, at a `standstill` because the server does not read on, or everything was `taken`. */
  readonly outcome: 'closed' | 'standstill' | 'taken';
  /** How many parts were sent. */
  readonly parts: number;
}

/** Sends `part(0)`, `part(1)`… in larger pieces, as fast as they are taken. */
export async function flood({ server, peer }: Rig, count: number, part: (index: number) => Buffer): Promise<Flooded> {
  const [socket] = server.sockets;
  let queued = 0;
  const look = (): void => void (queued = Math.max(queued, socket?.writableLength ?? 0));
  const read = (): number => socket?.bytesRead ?? 0;
  const parts = 500;
  for (let from = 0; from < count; from += parts) {
    const piece = Buffer.concat(Array.from({ length: Math.min(parts, count - from) }, (_, i) => part(from + i)));
    peer.send(piece);
    for (let still = 0, seen = read(); peer.socket.writableLength > 0 && still < 300; still++) {
      await turn();
      look();
      if (read() !== seen) still = 0;
      seen = read();
    }
    await turn();
    look();
    if (peer.socket.destroyed || socket?.writableEnded === true || peer.fate !== 'open')
      return { queued, outcome: 'closed', parts: from + parts };
    if (peer.socket.writableLength > 0) return { queued, outcome: 'standstill', parts: from + parts };
  }
  return { queued, outcome: 'taken', parts: count };
}

/** The server lets go of the connection at once, or when a ping of its own is not answered. */
export async function letGo({ server, clock, peer }: Rig, outcome: Flooded['outcome']): Promise<void> {
  if (outcome !== 'closed') await clock.advance(KEEPALIVE);
  peer.socket.resume();
  await peer.end();
  while (server.server.openCalls > 0) await turn();
}

/** Bytes that live in the heap and outside of it, once the garbage is gone. */
export function memory(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  // What the first one finds outside of the heap is given back by the second.
  collect();
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

export const ping = frame(FRAME.PING, 0, 0, Buffer.alloc(8));
export const reset = (stream: number): Buffer => frame(FRAME.RST_STREAM, 0, stream, uint32(CODE.CANCEL));
export const odd = (index: number): number => 2 * index + 1;
