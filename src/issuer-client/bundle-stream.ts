import { Alarm } from '../runtime/alarm.js';
import type { Clock } from '../runtime/clock.js';
import { withDeadline } from '../runtime/deadline.js';
import { hasCode, SpirlError } from '../runtime/errors.js';
import type { Logger } from '../runtime/logger.js';
import { orAbort } from '../runtime/task-group.js';
import { Acknowledgements } from './acknowledgements.js';
import type { AgentSession } from './agent-session.js';
import { backoffMs, RECONNECT_BACKOFF } from './backoff.js';
import { FIRST_STATE_MS } from './call-limits.js';
import { trustContentOf } from './messages.js';
import { type Conversation, failureText, rpcError } from './rpc.js';
import type { ServerConnection } from './server-connection.js';
import { SyncTrustBundles } from './server-methods.js';
import type { TrustStore } from './trust-store.js';
import type { WirePosition, WireSyncRequest, WireSyncResponse } from './wire-messages.js';

/** Acknowledgements are gathered for this long: during a renewal wave the counts change with every SVID. */
const ACKNOWLEDGE_EVERY_MS = 200;
const NO_STATE = 'the trust-domain server sent no trust state in time';

export interface BundleStreamOptions {
  readonly sessions: Pick<AgentSession, 'status' | 'connectionInTime' | 'refused' | 'reconnect' | 'trust'>;
  readonly store: TrustStore;
  readonly clock: Clock;
  /** 0 up to but not including 1. */
  readonly random: () => number;
  /** `agent.sessionClient` */
  readonly logger: Logger;
}

/** For readiness. */
export interface ServerStatus {
  readonly connected: boolean;
  readonly reason?: string;
}

type SyncStream = Conversation<WireSyncRequest, WireSyncResponse>;

/** Follows the server's trust state: whole at first and at each change, taken only when it is not older than what is known. */
export class BundleStream {
  readonly #options: BundleStreamOptions;
  readonly #acknowledgements = new Acknowledgements();
  readonly #due = new Alarm();
  #connected = false;
  #failure: string | undefined;

  constructor(options: BundleStreamOptions) {
    this.#options = options;
  }

  /** The trust state `version` has been pushed to all streams of workloads; the agent holds these SVIDs now. */
  acknowledge(version: number, svidsPerKeyset: Readonly<Record<string, number>>): void {
    this.#acknowledgements.pushed(version, svidsPerKeyset);
    this.#due.ring();
  }

  status(): ServerStatus {
    if (this.#connected) return { connected: true };
    const reason = this.#options.sessions.status.value.failure?.message ?? this.#failure ?? 'not connected yet';
    return { connected: false, reason };
  }

  async run(signal: AbortSignal): Promise<void> {
    const { sessions, clock, random } = this.#options;
    let failures = 0;
    while (!signal.aborted) {
      const connection = await sessions.connectionInTime(signal);
      const { error, delivered, replaced } = await this.#follow(connection, signal);
      if (replaced) {
        this.#connected &&= sessions.status.value.connection !== undefined;
        continue;
      }
      failures = delivered ? 1 : failures + 1;
      this.#ended(connection, error, failures);
      await clock.sleep(backoffMs(failures, RECONNECT_BACKOFF, random), signal);
      // The first failure may be the server closing an old connection; after that the connection's own pause is not waited for.
      if (failures > 1) await sessions.reconnect(connection);
    }
  }

  #ended(connection: ServerConnection, error: unknown, failures: number): void {
    const { sessions, logger } = this.#options;
    const failure = rpcError(error);
    const refused = hasCode(failure, 'UNAUTHENTICATED');
    if (failures === 1 && this.#connected && !refused) {
      // Servers close connections that are old: nothing is wrong yet.
      logger.info('bundle stream ended, opening another', { error: failureText(failure) });
    } else {
      logger.warn('bundle stream failed, will retry', { error: failureText(failure) });
      this.#fail(failure.message);
    }
    if (refused) sessions.refused(connection, failure.message);
  }

  /** Runs one stream until it ends or its connection is replaced. */
  async #follow(connection: ServerConnection, stop: AbortSignal): Promise<Ended> {
    const over = new AbortController();
    const replaced = new AbortController();
    const { status } = this.#options.sessions;
    status.subscribe((now) => {
      if (now.connection !== connection) replaced.abort();
    }, over.signal);
    const progress = { delivered: false };
    let error: unknown = new SpirlError('UNAVAILABLE', 'the trust-domain server ended the bundle stream');
    try {
      await connection.use(() => this.#serve(connection, progress, AbortSignal.any([stop, replaced.signal])));
    } catch (thrown) {
      stop.throwIfAborted();
      error = thrown;
    } finally {
      over.abort();
    }
    return { error, delivered: progress.delivered, replaced: replaced.signal.aborted };
  }

  async #serve(connection: ServerConnection, progress: { delivered: boolean }, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const stream = await connection.converse(SyncTrustBundles, signal);
    const states = stream.answers();
    const read = new AbortController();
    this.#acknowledgements.streamOpened();
    stream.send({ positions: this.#positions() });
    const acknowledging = this.#acknowledge(stream, AbortSignal.any([signal, read.signal]));
    try {
      // A server may answer pings and nothing else: the connection is alive, and the agent learns of no taint.
      let next = await withDeadline(() => states.next(), FIRST_STATE_MS, NO_STATE, clock, signal);
      for (; next.done !== true; next = await states.next()) {
        await this.#take(next.value);
        progress.delivered = true;
      }
    } finally {
      read.abort();
      stream.cancel();
      await acknowledging;
    }
  }

  async #take(message: WireSyncResponse): Promise<void> {
    const { store, sessions, logger } = this.#options;
    const content = trustContentOf(message);
    const accepted = await store.accept(content);
    if (accepted.outcome === 'older') {
      logger.warn('an older trust state was refused', { reason: accepted.reason });
      this.#fail('the trust-domain server is behind what this agent knows already');
      return;
    }
    if (!this.#connected) logger.info('following the trust-domain server', { agentState: accepted.version });
    this.#connected = true;
    this.#acknowledgements.received(message.version, accepted.version);
    this.#due.ring();
    await sessions.trust(content.sessionCa);
  }

  #fail(reason: string): void {
    this.#connected = false;
    this.#failure = reason;
  }

  /** Sends acknowledgements as they become due, one unsent at most. Returns when `signal` aborts. */
  async #acknowledge(stream: SyncStream, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      await this.#due.wait(Infinity, clock, signal);
      const acknowledgement = this.#acknowledgements.take();
      if (acknowledgement === undefined) continue;
      const taken = new Promise<void>((resolve) => stream.send(acknowledgement, resolve));
      await orAbort(taken, signal).catch(() => {});
      await clock.sleep(ACKNOWLEDGE_EVERY_MS, signal).catch(() => {});
    }
  }

  #positions(): readonly WirePosition[] {
    const { deployments } = this.#options.store.latest.value;
    return deployments.map(({ deploymentId, epoch, revision }) => ({ deploymentId, epoch, revision }));
  }
}

interface Ended {
  readonly error: unknown;
  /** Whether at least one state came. */
  readonly delivered: boolean;
  /** Whether it ended because there is another connection, or none. */
  readonly replaced: boolean;
}
