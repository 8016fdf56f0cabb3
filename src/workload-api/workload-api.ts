import type { Socket } from 'node:net';
import type { Clock } from '../runtime/clock.js';
import { hasCode, SpirlError } from '../runtime/errors.js';
import type { OnUnexpected } from '../runtime/wire-error.js';
import { GrpcServer } from '../runtime/grpc-server/grpc-server.js';
import type { Logger } from '../runtime/logger.js';
import { UNOBSERVED, type RpcObserver } from '../runtime/rpc-observer.js';
import { Seldom } from '../runtime/seldom.js';
import { aborted } from '../runtime/task-group.js';
import { UnixListener } from '../runtime/unix-listener.js';
import { admission } from './admission.js';
import { SERVICE } from './messages.js';
import { PeerRegistry } from './peer-registry.js';
import { workloadApiMethods, type WorkloadApiSources } from './pipeline.js';
import { PushQueue } from './push-queue.js';
import { reflectionMethods } from './reflection.js';
import { UidQuota } from './uid-quota.js';

/** Limits that keep one caller from taking what others need. Times in milliseconds. */
export interface WorkloadApiLimits {
  readonly connectionsPerUid: number;
  /** Open calls, streams included. */
  readonly streamsPerUid: number;
  readonly attestationsPerUid: number;
  /** Clients are told of it, and their calls above it wait. */
  readonly streamsPerConnection: number;
  /** How long a client may take to begin to speak HTTP/2. */
  readonly openingMs: number;
  /** How long a call may take to send its request. */
  readonly requestMs: number;
  /** A client that does not answer a ping sent after `keepaliveMs` of silence within `keepaliveTimeoutMs` is gone. */
  readonly keepaliveMs: number;
  readonly keepaliveTimeoutMs: number;
  /** A connection without any call is closed after this time; clients connect again when they need to. */
  readonly idleMs: number;
}

export const DEFAULT_LIMITS: WorkloadApiLimits = {
  connectionsPerUid: 1_024,
  streamsPerUid: 4_096,
  attestationsPerUid: 512,
  streamsPerConnection: 100,
  openingMs: 10_000,
  requestMs: 10_000,
  keepaliveMs: 30_000,
  keepaliveTimeoutMs: 20_000,
  idleMs: 600_000,
};

/** Requests are an audience list or a token. */
const MAX_REQUEST_BYTES = 64 * 1024;
/** How often the log tells of connections that could not be accepted. */
const TOLD_EVERY_MS = 60_000;
/** How long ended streams may take to reach their clients at stop. */
const GRACE_MS = 1_000;

/** Told of each caller refused before anybody was asked who it is. */
export interface RefusalMetrics {
  workloadRefused(reason: 'connections' | 'streams' | 'attestations' | 'unidentified'): void;
}

export interface WorkloadApiOptions {
  readonly socketPath: string;
  readonly sources: WorkloadApiSources;
  readonly clock: Clock;
  /** The agent's; lines go to its `endpoints`. */
  readonly logger: Logger;
  readonly onUnexpected: OnUnexpected;
  readonly limits?: Partial<WorkloadApiLimits>;
  readonly metrics?: RefusalMetrics;
  /** Told of every call, also of those that this room refuses. */
  readonly observer?: RpcObserver;
}

export interface WorkloadApi {
  /** Serves until `signal` aborts, then ends every stream with UNAVAILABLE. Throws INVALID_CONFIG when it cannot listen. */
  run(signal: AbortSignal): Promise<void>;
  /** Resolves once clients can connect. */
  readonly listening: Promise<void>;
  /** Calls being served. */
  readonly openCalls: number;
  /** Open connections. */
  readonly connections: number;
}

/** The SPIFFE Workload API on a Unix socket that everybody on the node may connect to. */
export function createWorkloadApi(options: WorkloadApiOptions): WorkloadApi {
  return new SocketWorkloadApi(options);
}

class SocketWorkloadApi implements WorkloadApi {
  readonly #options: WorkloadApiOptions;
  readonly #limits: WorkloadApiLimits;
  readonly #log: Logger;
  readonly #peers: PeerRegistry;
  readonly #server: GrpcServer;
  readonly #notAccepted: Seldom;
  #ready = (): void => {};
  readonly listening = new Promise<void>((resolve) => {
    this.#ready = resolve;
  });

  constructor(options: WorkloadApiOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#log = options.logger.named('endpoints');
    this.#peers = new PeerRegistry(this.#limits.connectionsPerUid, options.clock, () =>
      options.metrics?.workloadRefused('connections'),
    );
    this.#server = this.#createServer();
    this.#notAccepted = new Seldom(TOLD_EVERY_MS, options.clock);
  }

  get openCalls(): number {
    return this.#server.openCalls;
  }

  get connections(): number {
    return this.#peers.size;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { socketPath } = this.#options;
    const listener = new UnixListener({
      path: socketPath,
      mode: 0o777,
      directoryMode: 0o755,
      onConnection: (socket) => this.#accept(socket),
      onAcceptError: (error) => this.#cannotAccept(error),
    });
    await listener.listen();
    this.#log.info('Serving Workload API', { socket: socketPath });
    this.#ready();
    try {
      await aborted(signal);
    } finally {
      await listener.close();
      this.#server.endCalls(new SpirlError('UNAVAILABLE', 'the agent is shutting down'));
      await this.#server.shutdown(GRACE_MS);
      await this.#peers.closeAll();
      this.#log.info('Stopped serving Workload API', { socket: socketPath });
    }
  }

  #accept(socket: Socket): void {
    try {
      this.#server.serve(socket, this.#peers.admit(socket));
    } catch (error) {
      socket.destroy();
      if (hasCode(error, 'NOT_AUTHORIZED')) this.#options.metrics?.workloadRefused('unidentified');
      if (error instanceof SpirlError) this.#log.debug('Connection refused', { reason: error.message });
      else if (isWantOfDescriptors(error)) this.#cannotAccept(error);
      else this.#options.onUnexpected(error);
    }
  }

  /** Whoever connects, and as often as they like, can make it happen. */
  #cannotAccept(error: Error): void {
    this.#notAccepted.happened((times) => this.#log.warn('Connection not accepted', { error: error.message, times }));
  }

  #createServer(): GrpcServer {
    const { sources, clock, onUnexpected, metrics, observer = UNOBSERVED } = this.#options;
    const { streamsPerUid, attestationsPerUid } = this.#limits;
    const quota = (what: string, limit: number, reason: 'streams' | 'attestations'): UidQuota =>
      new UidQuota(what, limit, () => metrics?.workloadRefused(reason));
    const attestations = quota('attestations under way', attestationsPerUid, 'attestations');
    const methods = workloadApiMethods({ sources, attestations, pushes: new PushQueue(), clock });
    return new GrpcServer({
      methods: new Map([...methods, ...reflectionMethods()]),
      admit: admission(quota('open calls', streamsPerUid, 'streams'), (path) => path.startsWith(`/${SERVICE}/`)),
      ...{ observer, onUnexpected, clock },
      limits: { ...this.#limits, maxRequestBytes: MAX_REQUEST_BYTES },
    });
  }
}

/** Each connection takes three descriptors, of which this process, or the machine, may run out. */
function isWantOfDescriptors(error: unknown): error is Error {
  return error instanceof Error && ['EMFILE', 'ENFILE'].includes((error as NodeJS.ErrnoException).code ?? '');
}
