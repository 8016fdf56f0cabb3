import type { Socket } from 'node:net';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { InjectedServer, type InjectedServerOptions } from 'spirl-agent/runtime/injected-server.js';
import type { Logger } from 'spirl-agent/runtime/logger.js';
import { peerCredentials } from 'spirl-agent/runtime/peer-credentials.js';
import { aborted } from 'spirl-agent/runtime/task-group.js';
import { UnixListener } from 'spirl-agent/runtime/unix-listener.js';
import { AdminCaller } from './admin-caller.js';

/** Operators, not fleets. */
const MAX_CONNECTIONS = 128;
/** Managed documents, several in one update, fit. */
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
/** Commands under way when the server stops; each is bounded by itself, and after a commit the state stands. */
const GRACE_MS = 2_000;

export interface AdminListenerOptions {
  readonly path: string;
  /** User id of this server. */
  readonly ownUid: number;
  readonly logger: Logger;
  readonly interceptors?: InjectedServerOptions['interceptors'];
}

/** The admin socket (0600): every connection is injected with the kernel's word about who is at the other end. */
export class AdminListener {
  /** Services are added to it before `listen`. */
  readonly grpc: InjectedServer;
  readonly #options: AdminListenerOptions;
  readonly #listener: UnixListener;

  constructor(options: AdminListenerOptions) {
    this.#options = options;
    this.grpc = new InjectedServer({
      interceptors: options.interceptors ?? [],
      channelOptions: { 'grpc.max_receive_message_length': MAX_MESSAGE_BYTES },
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
    await this.grpc.shutdown(GRACE_MS);
  }

  #accept(socket: Socket): void {
    const { ownUid, logger } = this.#options;
    try {
      if (this.grpc.connections >= MAX_CONNECTIONS) throw new SpirlError('LIMIT_REACHED', 'too many connections');
      const caller = new AdminCaller(peerCredentials(socket), ownUid);
      if (!caller.allowed)
        logger.warn('a caller that may not administer this server', { uid: caller.uid, pid: caller.pid });
      this.grpc.inject(socket, caller);
    } catch (error) {
      logger.warn('a connection to the admin socket was refused', { error });
      socket.destroy();
    }
  }
}
