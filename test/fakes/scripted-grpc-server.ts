import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type TlsOptions, type TLSSocket } from 'node:tls';
import { GrpcClient, type GrpcClientOptions } from '../../src/runtime/grpc-client/grpc-client.js';
import type { ClientCall } from '../../src/runtime/grpc-client/client-call.js';
import { RpcFailure } from '../../src/runtime/grpc-client/rpc-failure.js';
import { framed } from '../../src/runtime/grpc-frame.js';
import { frame, SETTINGS, SETTINGS_ACK, PREFACE, type Frame } from '../workload-api/raw-http2.js';
import { FakeClock } from './fake-clock.js';
import { plainBlock, type Field } from './hpack-encoder.js';
import { FLAG, FRAME, uint32 } from './raw-grpc.js';
import { makeTlsIdentity } from './tls-identity.js';

interface Test {
  teardown(end: () => Promise<void> | void): void;
}

export const OK: readonly Field[] = [['grpc-status', '0']];
const RESPONSE: readonly Field[] = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
];

export function responseHeaders(stream: number, fields: readonly Field[] = RESPONSE): Buffer {
  return frame(FRAME.HEADERS, FLAG.END_HEADERS, stream, plainBlock(fields));
}

export function data(stream: number, bytes: Buffer, flags = 0): Buffer {
  return frame(FRAME.DATA, flags, stream, bytes);
}

export function trailers(stream: number, fields: readonly Field[] = OK): Buffer {
  return frame(FRAME.HEADERS, FLAG.END_HEADERS | FLAG.END_STREAM, stream, plainBlock(fields));
}

/** A whole answer of one message, and OK. */
export function answer(stream: number, message = 'hello'): Buffer {
  return Buffer.concat([responseHeaders(stream), data(stream, framed(Buffer.from(message))), trailers(stream)]);
}

export function goAway(lastStream: number, code = 0): Buffer {
  return frame(FRAME.GOAWAY, 0, 0, Buffer.concat([uint32(lastStream), uint32(code)]));
}

export function reset(stream: number, code: number): Buffer {
  return frame(FRAME.RST_STREAM, 0, stream, uint32(code));
}

/** The server's end of one connection. It reads frames; what it sends is the test's to say. */
export class ScriptedConnection {
  readonly socket: TLSSocket;
  readonly frames: Frame[] = [];
  gone = false;
  #rest: Buffer = Buffer.alloc(0);
  #waiting: (() => void)[] = [];

  constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('close', () => {
      this.gone = true;
      this.#wake();
    });
  }

  send(...parts: readonly Buffer[]): void {
    if (!this.socket.destroyed) this.socket.write(Buffer.concat(parts));
  }

  /** Says its settings, and acknowledges the client's. */
  greet(settings: Buffer = SETTINGS): this {
    this.send(settings, SETTINGS_ACK);
    return this;
  }

  /** Number of the stream of the `index`th call, once it has begun. */
  async call(index: number): Promise<number> {
    const calls = (): Frame[] => this.frames.filter(({ type }) => type === FRAME.HEADERS);
    await this.until(() => calls().length > index);
    const found = calls()[index];
    if (found === undefined) throw new Error('the connection has ended');
    return found.stream;
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds() && !this.gone) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  end(): Promise<void> {
    return this.until(() => false);
  }

  #read(chunk: Buffer): void {
    let rest = Buffer.concat([this.#rest, chunk]);
    if (rest.subarray(0, PREFACE.length).equals(PREFACE)) rest = rest.subarray(PREFACE.length);
    while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
      const end = 9 + rest.readUIntBE(0, 3);
      const [type, flags] = [rest.readUInt8(3), rest.readUInt8(4)];
      this.frames.push({ type, flags, stream: rest.readUInt32BE(5), payload: rest.subarray(9, end) });
      rest = rest.subarray(end);
    }
    this.#rest = rest;
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

const identity = makeTlsIdentity();

/** How a call that must fail does. */
export async function failure(work: Promise<unknown>): Promise<RpcFailure> {
  try {
    await work;
  } catch (error) {
    if (error instanceof RpcFailure) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

/** Every message of a call, until its end. */
export async function everyMessage(call: ClientCall): Promise<string[]> {
  const messages: string[] = [];
  for await (const message of call.messages()) messages.push(message.toString());
  return messages;
}

/** Resolves when every socket is gone. */
export async function allGone(sockets: readonly TLSSocket[]): Promise<void> {
  for (const socket of sockets) if (!socket.closed) await once(socket, 'close').catch(() => {});
}

/** A TLS server that speaks HTTP/2 by hand, and a client of it on a clock that the test moves. */
export async function scripted(t: Test, options: Partial<GrpcClientOptions> = {}, tls: TlsOptions = {}) {
  const { ca, cert, key } = await identity;
  const connections: ScriptedConnection[] = [];
  const sockets: TLSSocket[] = [];
  let arrived = (): void => {};
  const server = createServer({ cert, key, ALPNProtocols: ['h2'], ...tls }, (socket) => {
    connections.push(new ScriptedConnection(socket));
    arrived();
  });
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const clock = new FakeClock();
  const client = new GrpcClient({
    authority: 'server.test:443',
    connect: () => {
      const socket = connect({ host: '127.0.0.1', port, ca, ALPNProtocols: ['h2'], servername: 'localhost' });
      sockets.push(socket);
      return socket;
    },
    ...{ clock, connectMs: 10_000, pauseMs: 1_000, keepaliveMs: 20_000, keepaliveTimeoutMs: 10_000 },
    maxMessageBytes: 1024 * 1024,
    ...options,
  });
  t.teardown(async () => {
    client.close();
    for (const { socket } of connections) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  return {
    ...{ client, clock, server, port, connections, sockets },
    /** The `index`th connection, once it is there. */
    connection: async (index = 0): Promise<ScriptedConnection> => {
      for (;;) {
        const found = connections[index];
        if (found !== undefined) return found;
        await new Promise<void>((resolve) => (arrived = resolve));
      }
    },
  };
}
