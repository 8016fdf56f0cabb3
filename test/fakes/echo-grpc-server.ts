import { once, setMaxListeners } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { status } from '@grpc/grpc-js';
import { systemClock, type Clock } from '../../src/runtime/clock.js';
import { framed } from '../../src/runtime/grpc-frame.js';
import type { HeaderFields } from '../../src/runtime/http2/request-headers.js';
import { GrpcServer, type GrpcServerLimits } from '../../src/runtime/grpc-server/grpc-server.js';
import type { RpcCall, RpcConversation, RpcMethod } from '../../src/runtime/rpc-method.js';
import { aborted } from '../../src/runtime/task-group.js';
import type { TlsIdentity } from './tls-identity.js';

export const ECHO_LIMITS: GrpcServerLimits = {
  ...{ maxRequestBytes: 1_000_000, streamsPerConnection: 100, openingMs: 10_000, requestMs: 10_000 },
  ...{ keepaliveMs: 30_000, keepaliveTimeoutMs: 20_000, idleMs: 600_000 },
};

interface Options {
  readonly limits?: Partial<GrpcServerLimits>;
  readonly clock?: Clock;
  /** On a port of this host, not on a Unix socket. */
  readonly tcp?: boolean;
  /** On a port as well, behind TLS 1.3. */
  readonly tls?: TlsIdentity;
}

interface Test {
  teardown(end: () => Promise<void>): void;
}

/** What `Talk` says before it is asked anything. */
export const GREETING = framed(Buffer.alloc(100, 'a'));

/** `taken` of a message as a promise: resolves when the transport has it, or when the call is over. */
export function sent(call: RpcCall, frame: Buffer): Promise<void> {
  return new Promise((resolve) => {
    if (call.isGone) resolve();
    setMaxListeners(0, call.signal);
    call.signal.addEventListener('abort', () => resolve(), { once: true });
    call.send(frame, resolve);
  });
}

/**
 * An `GrpcServer` on a Unix socket. `/S/Echo` answers a message with itself, `/S/Chat` each message with itself, `/S/Talk` so
 * after a greeting, `/S/ForEver` greets and goes on for ever, `/S/Pour` sends as long as somebody takes it, `/S/Deaf` never gets beyond
 * its first message.
 */
export class EchoGrpcServer {
  readonly server: GrpcServer;
  /** Header fields of each call, in the order of their arrival. */
  readonly admitted: HeaderFields[] = [];
  /** Each ended call as `METHOD STATUS`. */
  readonly handled: string[] = [];
  /** How long each took, in seconds. */
  readonly took: number[] = [];
  readonly unexpected: unknown[] = [];
  /** The server's ends of all connections that are open. */
  readonly sockets = new Set<Socket>();
  readonly #listener: Server;
  readonly #folder = mkdtempSync(join(tmpdir(), 'echo-'));

  private constructor({ limits, clock = systemClock, tls }: Options) {
    this.server = new GrpcServer({
      methods: METHODS,
      admit: (_, headers) => {
        this.admitted.push(headers);
        return () => {};
      },
      observer: {
        ...{ started: () => {}, received: () => {}, sent: () => {} },
        handled: ({ method }, code, seconds) => {
          this.handled.push(`${method} ${status[code]}`);
          this.took.push(seconds);
        },
      },
      onUnexpected: (error) => void this.unexpected.push(error),
      clock,
      limits: { ...ECHO_LIMITS, ...limits },
    });
    this.#listener =
      tls === undefined
        ? createServer({ noDelay: true }, (socket) => this.#accept(socket))
        : createTlsServer({ ...tls, ALPNProtocols: ['h2'], minVersion: 'TLSv1.3' }, (socket) => this.#accept(socket));
  }

  /** Stopped at the end of the test at the latest. */
  static async open(t: Test, options: Options = {}): Promise<EchoGrpcServer> {
    const opened = new EchoGrpcServer(options);
    if (options.tcp === true || options.tls !== undefined) opened.#listener.listen(0, '127.0.0.1');
    else opened.#listener.listen(opened.socketPath);
    await once(opened.#listener, 'listening');
    t.teardown(() => opened.stop());
    return opened;
  }

  get port(): number {
    return (this.#listener.address() as AddressInfo).port;
  }

  get socketPath(): string {
    return join(this.#folder, 'socket');
  }

  async stop(): Promise<void> {
    this.#listener.close();
    for (const socket of this.sockets) socket.destroy();
    await this.server.shutdown(0);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #accept(socket: Socket): void {
    this.sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => this.sockets.delete(socket));
    this.server.serve(socket, {});
  }
}

const METHODS = new Map<string, RpcMethod>([
  ['/S/Echo', { type: 'unary', serve: (request) => Promise.resolve(framed(request)) }],
  ['/S/Chat', { type: 'bidi_stream', open: echoEach }],
  [
    '/S/Talk',
    {
      type: 'bidi_stream',
      open: (call) => {
        call.send(GREETING);
        return echoEach(call);
      },
    },
  ],
  [
    '/S/ForEver',
    {
      type: 'server_stream',
      serve: async (_, call) => {
        call.send(GREETING);
        await aborted(call.signal);
      },
    },
  ],
  [
    '/S/Pour',
    {
      type: 'server_stream',
      serve: async (_, call) => {
        const megabyte = framed(Buffer.alloc(1_000_000));
        while (!call.isGone) await sent(call, megabyte);
      },
    },
  ],
  ['/S/Deaf', { type: 'bidi_stream', open: (call) => ({ ...echoEach(call), message: () => aborted(call.signal) }) }],
]);

/** Each message is answered when the answer before it has left. */
function echoEach(call: RpcCall): RpcConversation {
  return { message: (request) => sent(call, framed(request)), halfClosed: () => call.end(), over: () => {} };
}
