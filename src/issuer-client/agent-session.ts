import { readFile } from 'node:fs/promises';
import { Alarm } from '../runtime/alarm.js';
import { certificatesOfPem } from '../runtime/certificate-facts.js';
import type { Clock } from '../runtime/clock.js';
import { withDeadline } from '../runtime/deadline.js';
import { hasCode, SpirlError } from '../runtime/errors.js';
import { Latest } from '../runtime/latest.js';
import type { Logger } from '../runtime/logger.js';
import { orAbort } from '../runtime/task-group.js';
import { backoffMs, RECONNECT_BACKOFF, REFUSED_BACKOFF } from './backoff.js';
import { type AgentFacts, type Granted, login, renew } from './login.js';
import type { NodeEvidence } from './node-evidence.js';
import type { ApiConnection } from './issuer.js';
import { failureText } from './rpc.js';
import { ServerAddress } from './server-address.js';
import { ServerConnection } from './server-connection.js';
import { type Session, sessionStep, type SessionStep } from './session.js';
import { type PersistedSession, readSession, type SessionStatus, writeSession } from './session-state.js';
import type { StateDirectory } from './state-directory.js';

const LOGIN_MS = 15_000;
const MIN_LOGIN_INTERVAL_MS = 2_000;

export interface AgentSessionOptions extends AgentFacts {
  /** `host:port` */
  readonly address: string;
  /** Server name of the TLS handshake, when it is not the host of `address`. */
  readonly serverName?: string;
  /** PEM with session CA certificates, for the first contact; read again at each attempt. */
  readonly bootstrapFile: string;
  readonly evidence: NodeEvidence;
  readonly state: StateDirectory;
  readonly clock: Clock;
  /** 0 up to but not including 1. */
  readonly random: () => number;
  /** `agent.sessionClient` */
  readonly logger: Logger;
}

/**
 * The agent's session with its server: resumed after a restart, renewed at half its life, opened anew when it was refused. Each
 * change gives a new connection; the old one closes when its calls have ended.
 */
export class AgentSession {
  readonly status = new Latest<SessionStatus<ServerConnection>>({ version: 1 });
  readonly #options: AgentSessionOptions;
  readonly #address: ServerAddress;
  readonly #alarm = new Alarm();
  readonly #jitter: number;
  #persisted: PersistedSession;
  #grantedAt = -Infinity;

  private constructor(options: AgentSessionOptions, persisted: PersistedSession) {
    this.#options = options;
    this.#address = new ServerAddress(options.address);
    this.#persisted = persisted;
    this.#jitter = options.random();
  }

  /** Takes up what an earlier run left. */
  static async open(options: AgentSessionOptions): Promise<AgentSession> {
    return new AgentSession(options, await readSession(options.state, options.clusterId));
  }

  /** The server's name for this agent, the last one known. */
  get agentId(): string | undefined {
    return this.#persisted.session?.agentId;
  }

  /** The connection of the present session; waits while the first attempt is under way, then throws UNAVAILABLE. */
  async connection(signal: AbortSignal): Promise<ServerConnection> {
    const { connection, failure } = await this.#settled(({ connection, failure }) => connection ?? failure, signal);
    if (connection !== undefined) return connection;
    // Workloads read this; the reason behind it is for the operator (`status`, log).
    throw new SpirlError('UNAVAILABLE', 'this agent has no session with its trust-domain server', { cause: failure });
  }

  /** The connection of the present session, however long it takes to have one. */
  async connectionInTime(signal: AbortSignal): Promise<ServerConnection> {
    const { connection } = await this.#settled((status) => status.connection, signal);
    if (connection === undefined) throw new Error('unreachable: waited for a connection');
    return connection;
  }

  /** The server said UNAUTHENTICATED on `connection`: unless it has been replaced meanwhile, a login follows. */
  refused(connection: ApiConnection, reason: string): void {
    if (this.status.value.connection !== connection) return;
    this.#options.logger.warn('session refused, logging in again', { reason });
    const { sessionCa, trustDomain } = this.#persisted;
    this.#persisted = { sessionCa, ...(trustDomain !== undefined && { trustDomain }) };
    this.#publish({});
    this.#alarm.ring();
  }

  /** Replaces a connection that gave out by a fresh one of the same session. */
  async reconnect(connection: ServerConnection): Promise<void> {
    if (this.status.value.connection === connection) await this.#connect();
  }

  /** Takes over the session CA certificates that the server publishes. */
  async trust(sessionCa: readonly Uint8Array[]): Promise<void> {
    if (sessionCa.length === 0 || sameCertificates(sessionCa, this.#persisted.sessionCa)) return;
    await this.#persist({ ...this.#persisted, sessionCa });
    this.#options.logger.info('session CA updated', { certificates: sessionCa.length });
    if (this.status.value.connection !== undefined) await this.#connect();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    signal.addEventListener('abort', () => this.status.value.connection?.retire(), { once: true });
    let failures = 0;
    while (!signal.aborted) {
      const step = sessionStep(this.#persisted.session, clock.now(), this.#jitter);
      try {
        await this.#take(step, signal);
        failures = 0;
      } catch (error) {
        signal.throwIfAborted();
        await clock.sleep(this.#failed(step.do, error, ++failures), signal);
      }
    }
  }

  async #take(step: SessionStep, signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    if (step.do === 'login') return this.#login(signal);
    if (this.status.value.connection === undefined) {
      await this.#connect();
      logger.info('session resumed', { agentId: this.agentId });
    }
    return step.do === 'renew' ? this.#renew(signal) : this.#alarm.wait(step.ms, clock, signal);
  }

  async #login(signal: AbortSignal): Promise<void> {
    const { evidence, clock, logger } = this.#options;
    // An expired session is of no use to anybody who waits for one.
    if (this.status.value.connection !== undefined) this.#publish({});
    // Granted and refused in one breath: no loop without a pause.
    const sinceGrant = clock.monotonic() - this.#grantedAt;
    if (sinceGrant < MIN_LOGIN_INTERVAL_MS) await clock.sleep(MIN_LOGIN_INTERVAL_MS - sinceGrant, signal);
    const connection = await this.#open(undefined);
    try {
      const work = (ended: AbortSignal): Promise<Granted> =>
        login(connection, evidence, this.#options, () => clock.now(), ended);
      const granted = await withDeadline(work, LOGIN_MS, 'the login took too long', clock, signal);
      const { agentId, clusterName } = granted.session;
      await this.#granted(granted, () => logger.info('logged in', { agentId, clusterName }));
    } finally {
      connection.retire();
    }
  }

  async #renew(signal: AbortSignal): Promise<void> {
    const { agentVersion, clock, logger } = this.#options;
    const connection = await this.connection(signal);
    try {
      const work = (ended: AbortSignal): Promise<Granted> => renew(connection, agentVersion, () => clock.now(), ended);
      const granted = await withDeadline(work, LOGIN_MS, 'the session renewal took too long', clock, signal);
      await this.#granted(granted, () => logger.debug('session renewed', { agentId: this.agentId }));
    } catch (error) {
      if (!hasCode(error, 'UNAUTHENTICATED')) throw error;
      this.refused(connection, error.message);
    }
  }

  /** Nobody waits for the disk: a session that is lost because the process ended before it was written is granted again. */
  async #granted({ session, sessionCa }: Granted, tell: () => void): Promise<void> {
    this.#grantedAt = this.#options.clock.monotonic();
    const written = this.#persist({ session, sessionCa, trustDomain: session.trustDomain });
    await this.#connect();
    tell();
    await written;
  }

  async #persist(persisted: PersistedSession): Promise<void> {
    this.#persisted = persisted;
    await writeSession(this.#options.state, this.#options.clusterId, persisted);
  }

  async #connect(): Promise<void> {
    const { session } = this.#persisted;
    if (session === undefined) return;
    const connection = await this.#open(session);
    // Another one may have been opened, or the session refused, while the files were read.
    if (this.#persisted.session === session) this.#publish({ connection });
    else connection.retire();
  }

  async #open(session: Session | undefined): Promise<ServerConnection> {
    const { serverName, clock } = this.#options;
    const { trustDomain, sessionCa } = this.#persisted;
    return new ServerConnection({
      ...{ address: this.#address, clock },
      trusted: [...sessionCa, ...(await this.#bootstrap())],
      ...(trustDomain !== undefined && { trustDomain }),
      ...(serverName !== undefined && { serverName }),
      ...(session !== undefined && { identity: session }),
    });
  }

  /** A missing or broken file matters only to an agent that has never met its server. */
  async #bootstrap(): Promise<readonly Uint8Array[]> {
    const { bootstrapFile } = this.#options;
    try {
      return certificatesOfPem(await readFile(bootstrapFile, 'utf8'));
    } catch (cause) {
      if (this.#persisted.sessionCa.length > 0) return [];
      const reason = (cause as NodeJS.ErrnoException).code ?? 'not a PEM certificate';
      throw new SpirlError('INVALID_CONFIG', `the bootstrap file ${bootstrapFile} cannot be read: ${reason}`, {
        cause,
      });
    }
  }

  #publish(status: Omit<SessionStatus<ServerConnection>, 'version'>): void {
    const { version, connection } = this.status.value;
    this.status.publish({ version: version + 1, ...status });
    if (connection !== status.connection) connection?.retire();
  }

  /** Tells of a failed attempt; returns how long to wait before the next one. */
  #failed(step: SessionStep['do'], error: unknown, failures: number): number {
    const policy = hasCode(error, 'UNAUTHENTICATED', 'INVALID_CONFIG') ? REFUSED_BACKOFF : RECONNECT_BACKOFF;
    const waitMs = backoffMs(failures, policy, this.#options.random);
    const what = step === 'login' ? 'login' : 'session renewal';
    this.#options.logger.warn(`${what} failed, will retry`, { error: failureText(error), waitMs: Math.round(waitMs) });
    if (step === 'login') this.#publish({ failure: failureOf(error) });
    return waitMs;
  }

  async #settled(
    ready: (status: SessionStatus<ServerConnection>) => unknown,
    signal: AbortSignal,
  ): Promise<SessionStatus<ServerConnection>> {
    if (ready(this.status.value) !== undefined) return this.status.value;
    const stop = new AbortController();
    const found = new Promise<SessionStatus<ServerConnection>>((resolve) => {
      this.status.subscribe((status) => {
        if (ready(status) !== undefined) resolve(status);
      }, stop.signal);
    });
    try {
      return await orAbort(found, signal);
    } finally {
      stop.abort();
    }
  }
}

function failureOf(error: unknown): SpirlError {
  if (hasCode(error, 'UNAUTHENTICATED')) {
    return new SpirlError('UNAVAILABLE', `the trust-domain server refuses this agent: ${error.message}`, {
      cause: error,
    });
  }
  if (error instanceof SpirlError) return error;
  return new SpirlError('UNAVAILABLE', 'this agent cannot log in', { cause: error });
}

function sameCertificates(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  const keys = new Set(b.map((der) => Buffer.from(der).toString('base64')));
  return a.length === b.length && a.every((der) => keys.has(Buffer.from(der).toString('base64')));
}
