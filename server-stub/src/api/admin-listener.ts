import type { Socket } from 'node:net';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import type { Clock } from 'spirl-agent/runtime/clock.js';
import type { OnUnexpected } from 'spirl-agent/runtime/wire-error.js';
import { GrpcServer } from 'spirl-agent/runtime/grpc-server/grpc-server.js';
import type { Logger } from 'spirl-agent/runtime/logger.js';
import { peerCredentials } from 'spirl-agent/runtime/peer-credentials.js';
import { UNOBSERVED, type RpcObserver } from 'spirl-agent/runtime/rpc-observer.js';
import { aborted } from 'spirl-agent/runtime/task-group.js';
import { UnixListener } from 'spirl-agent/runtime/unix-listener.js';
import { AdminCaller } from './admin-caller.js';
import type { ServedMethod } from './rpc-methods.js';

const nothing = (): void => {};

/** Operators, not fleets. */
const MAX_CONNECTIONS = 128;
const CALL_LIMITS = {
  /** Managed documents, several in one update, fit. */
  maxRequestBytes: 4 * 1024 * 1024,
  streamsPerConnection: 100,
  openingMs: 10_000,
  requestMs: 30_000,
  keepaliveMs: 60_000,
  keepaliveTimeoutMs: 20_000,
  idleMs: 3_600_000,
} as const;
/** Commands under way when the server stops; each is bounded by itself, and after a commit the state stands. */
const GRACE_MS = 2_000;

export interface AdminListenerOptions {
  readonly path: string;
  /** User id of this server. */
  readonly ownUid: number;
  readonly methods: Iterable<ServedMethod>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onUnexpected: OnUnexpected;
  readonly observer?: RpcObserver;
}

/** The admin socket (0600): every connection is served with the kernel's word about who is at the other end. */
export class AdminListener {
  readonly #grpc: GrpcServer;
  readonly #options: AdminListenerOptions;
  readonly #listener: UnixListener;

  constructor(options: AdminListenerOptions) {
    this.#options = options;
    const { methods, clock, onUnexpected, observer = UNOBSERVED } = options;
    this.#grpc = new GrpcServer({
      methods: new Map(methods),
      // Each method refuses callers that are not allowed, in a sentence.
      admit: () => nothing,
      ...{ observer, onUnexpected, clock },
      limits: CALL_LIMITS,
    });
    this.#listener = new UnixListener({
      path: options.path,
      mode: 0o600,
      directoryMode: 0o755,
      onConnection: (socket) => this.#accept(socket),
      onAcceptError: (error) => options.logger.warn('a connection to the admin socket was not accepted', { error }),
    });
  }

  /** Throws INVALID_CONFIG when the socket cannot be had. */
  async listen(): Promise<void> {
    await this.#listener.listen();
    this.#options.logger.info('Admin API is listening', { path: this.#options.path });
  }

  /** Serves until `signal` aborts; `listen` comes before. */
  async run(signal: AbortSignal): Promise<void> {
    await aborted(signal);
    await this.#listener.close();
    await this.#grpc.shutdown(GRACE_MS);
  }

  #accept(socket: Socket): void {
    const { ownUid, logger } = this.#options;
    try {
      if (this.#grpc.connections >= MAX_CONNECTIONS) throw new SpirlError('LIMIT_REACHED', 'too many connections');
      const caller = new AdminCaller(peerCredentials(socket), ownUid);
      if (!caller.allowed)
        logger.warn('a caller that may not administer this server', { uid: caller.uid, pid: caller.pid });
      this.#grpc.serve(socket, caller);
    } catch (error) {
      logger.warn('a connection to the admin socket was refused', { error });
      socket.destroy();
    }
  }
}
