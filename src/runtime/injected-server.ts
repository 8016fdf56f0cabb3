import type { Socket } from 'node:net';
import {
  Server,
  ServerCredentials,
  ServerInterceptingCall,
  StatusBuilder,
  status,
  type ChannelOptions,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
} from '@grpc/grpc-js';
import { systemClock, type Clock } from './clock.js';

export interface InjectedServerOptions {
  readonly interceptors?: readonly ServerInterceptor[];
  readonly channelOptions?: ChannelOptions;
}

/**
 * A gRPC server that owns no port: its owner accepts connections, proves who is at the other end and injects them here with
 * that proof. Each call then carries its own connection's `peer`; a call whose connection is unknown is refused.
 */
export class InjectedServer {
  readonly grpc: Server;
  readonly #peers = new Map<string, object>();
  readonly #sockets = new Set<Socket>();
  readonly #injector;
  #count = 0;

  constructor(options: InjectedServerOptions = {}) {
    this.grpc = new Server({
      'grpc.enable_channelz': 0,
      ...options.channelOptions,
      interceptors: [(_method, call) => this.#identify(call), ...(options.interceptors ?? [])],
    });
    this.#injector = this.grpc.createConnectionInjector(ServerCredentials.createInsecure());
  }

  /** Hands over a connection. `peer` is what handlers see as `CallContext.peer`. */
  inject(socket: Socket, peer: object): void {
    // Its `close` has been, or will be, told to nobody here.
    if (socket.destroyed) return;
    const id = `conn:${++this.#count}`;
    this.#peers.set(id, peer);
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#peers.delete(id);
      this.#sockets.delete(socket);
    });
    // grpc-js hands remoteAddress back with each call, also after the connection has died; on a Unix socket it is empty.
    Object.defineProperty(socket, 'remoteAddress', { value: id });
    this.#injector.injectConnection(socket);
  }

  /** Open connections. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Lets calls end for `graceMs`, then destroys what is left. Stop accepting before calling this. */
  async shutdown(graceMs: number, clock: Clock = systemClock): Promise<void> {
    // grpc-js does not wait for connections that are closing already: those above their age, and from Node 24 on all of
    // them, because there the HTTP/2 server's own close() begins it. Each ends its socket after the last call on it.
    const closed = [...this.#sockets].map((socket) => new Promise<void>((resolve) => socket.once('close', resolve)));
    const ended = Promise.all([new Promise<void>((resolve) => this.grpc.tryShutdown(() => resolve())), ...closed]);
    const done = new AbortController();
    const grace = clock.sleep(graceMs, done.signal).then(
      () => {
        for (const socket of this.#sockets) socket.destroy();
      },
      () => {},
    );
    await ended;
    done.abort();
    await grace;
    for (const socket of this.#sockets) socket.destroy();
    this.#injector.destroy();
  }

  #identify(call: ServerInterceptingCallInterface): ServerInterceptingCall {
    const peer = this.#peers.get(call.getConnectionInfo().remoteAddress ?? '');
    return peer === undefined ? refused(call) : new PeerCall(call, peer);
  }
}

class PeerCall extends ServerInterceptingCall {
  readonly #peer: object;
  constructor(next: ServerInterceptingCallInterface, peer: object) {
    super(next);
    this.#peer = peer;
  }
  override getAuthContext(): { transportSecurityType: string; peer: object } {
    return { transportSecurityType: 'local', peer: this.#peer };
  }
}

function refused(call: ServerInterceptingCallInterface): ServerInterceptingCall {
  return new ServerInterceptingCall(call, {
    start: () => {
      call.sendStatus(
        new StatusBuilder()
          .withCode(status.PERMISSION_DENIED)
          .withDetails('caller cannot be identified')
          .build() as never,
      );
    },
  });
}
