import type { ExecutionContext } from 'ava';
import { framed } from '../../src/runtime/grpc-frame.js';
import { frame } from '../workload-api/raw-http2.js';
import { EchoGrpcServer } from './echo-grpc-server.js';
import { plainBlock, type Field } from './hpack-encoder.js';
import { Http2Peer } from './http2-peer.js';

export const FRAME = {
  ...{ DATA: 0, HEADERS: 1, PRIORITY: 2, RST_STREAM: 3, SETTINGS: 4, PUSH_PROMISE: 5, PING: 6, GOAWAY: 7 },
  ...{ WINDOW_UPDATE: 8, CONTINUATION: 9 },
};
export const FLAG = { ACK: 1, END_STREAM: 1, END_HEADERS: 4, PADDED: 8, PRIORITY: 32 };
export const CODE = {
  ...{ NO_ERROR: 0, PROTOCOL: 1, FLOW_CONTROL: 3, STREAM_CLOSED: 5, FRAME_SIZE: 6, REFUSED: 7, CANCEL: 8 },
  ...{ COMPRESSION: 9, CALM: 11 },
};

/** The one message of a call, and what `/S/Echo` answers. */
export const HELLO = framed(Buffer.from('hello'));

/** Fields of a call of `/S/<method>`. */
export function callOf(method: string): Field[] {
  return [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', `/S/${method}`],
    [':authority', 'localhost'],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
  ];
}
export const CALL: readonly Field[] = callOf('Echo');

export function uint32(value: number): Buffer {
  const octets = Buffer.alloc(4);
  octets.writeUInt32BE(value);
  return octets;
}

export function setting(id: number, value: number): Buffer {
  return Buffer.concat([Buffer.of(id >> 8, id & 0xff), uint32(value)]);
}

export function headers(stream: number, fields: readonly Field[] = CALL, flags = FLAG.END_HEADERS): Buffer {
  return frame(FRAME.HEADERS, flags, stream, plainBlock(fields));
}

/** A call with its message, and its end. */
export function call(stream: number, fields: readonly Field[] = CALL): Buffer {
  return Buffer.concat([headers(stream, fields), frame(FRAME.DATA, FLAG.END_STREAM, stream, HELLO)]);
}

/** A call without its message. */
export function open(stream: number, method = 'Chat'): Buffer {
  return headers(stream, callOf(method));
}

/** A call is answered, on this connection. */
export async function served(t: ExecutionContext, peer: Http2Peer, stream: number): Promise<void> {
  peer.send(call(stream));
  const seen = await peer.over(stream);
  t.deepEqual(Buffer.concat(seen.data), HELLO);
  t.deepEqual(
    seen.headers.at(-1)?.find(([name]) => name === 'grpc-status'),
    ['grpc-status', '0'],
  );
}

/** Somebody else is served, and once all have gone nothing is left. */
export async function harmless(t: ExecutionContext, server: EchoGrpcServer, ...peers: Http2Peer[]): Promise<void> {
  const other = Http2Peer.greeted(server.socketPath);
  await served(t, other, 1);
  for (const peer of [...peers, other]) peer.destroy();
  while (server.sockets.size > 0 || server.server.openCalls > 0) await new Promise((resolve) => setImmediate(resolve));
  t.deepEqual(server.unexpected, []);
}
