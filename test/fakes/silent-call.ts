import { Socket } from 'node:net';
import { systemClock } from '../../src/runtime/clock.js';
import { DeadlineLengths } from '../../src/runtime/deadline-lengths.js';
import { DeadlineQueue } from '../../src/runtime/deadline-queue.js';
import { Outbound } from '../../src/runtime/http2/outbound.js';
import { Http2Stream, type StreamOwner } from '../../src/runtime/http2/stream.js';
import { WriteTurn } from '../../src/runtime/http2/write-turn.js';
import { ServedCall, type CallParts, type ServedRpc } from '../../src/runtime/grpc-server/served-call.js';
import { UNOBSERVED } from '../../src/runtime/rpc-observer.js';

const OWNER: StreamOwner = {
  outbound: new Outbound(new Socket(), new WriteTurn()),
  streamWindow: 65_535,
  reads: 0,
  ...{ sendHeaders: () => {}, sendReset: () => {}, refuse: () => {}, closed: () => {} },
};

const PARTS: CallParts = {
  maxRequestBytes: 1_000,
  requests: new DeadlineQueue(10_000, systemClock),
  deadlines: new DeadlineLengths(systemClock),
  clock: systemClock,
  observer: UNOBSERVED,
  ...{ onUnexpected: () => {}, closed: () => {} },
};

const RPC: ServedRpc = {
  labels: { service: 'S', method: 'M', type: 'unary' },
  method: { type: 'unary', serve: (request) => Promise.resolve(request) },
};

/** A call whose request is there and whose answer goes nowhere: headers alone are no data, so the socket is never used. */
export function callThatSendsNothing(): ServedCall {
  return new ServedCall(new Http2Stream(1, OWNER, undefined, true), RPC, { peer: {}, collected: 0 }, PARTS);
}
