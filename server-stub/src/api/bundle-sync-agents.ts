import type { Clock } from 'spirl-agent/runtime/clock.js';
import { orAbort } from 'spirl-agent/runtime/task-group.js';
import type { AgentSession } from '../domain/agent-session.js';

/** A stuck agent delays nobody for longer. */
export const PUBLISH_WAIT_MS = 10_000;
/** Versions sent but not acknowledged that a stream remembers; acknowledging a later one covers an earlier one. */
const MAX_UNACKNOWLEDGED = 256;

/** What a connected agent last said. */
export interface ConnectedAgent {
  readonly agentId: string;
  readonly clusterId: string;
  /** Of this deployment's ring; 0 before the first. */
  readonly acknowledgedRevision: number;
  /** X.509-SVIDs it holds, per keyset id. */
  readonly svidsPerKeyset: Readonly<Record<string, number>>;
}

/** One open bundle stream. */
export class AgentStream {
  readonly session: AgentSession;
  /** Called when the same agent has opened a newer stream. */
  readonly superseded: () => void;
  #unacknowledged: { readonly version: number; readonly revision: number }[] = [];
  #acknowledgedRevision = 0;
  #svidsPerKeyset: Readonly<Record<string, number>> = {};

  constructor(session: AgentSession, superseded: () => void) {
    this.session = session;
    this.superseded = superseded;
  }

  get acknowledgedRevision(): number {
    return this.#acknowledgedRevision;
  }

  get connected(): ConnectedAgent {
    return {
      agentId: this.session.agentId,
      clusterId: this.session.clusterId,
      acknowledgedRevision: this.#acknowledgedRevision,
      svidsPerKeyset: this.#svidsPerKeyset,
    };
  }

  /** Notes which revision a message of this stream carries. */
  sent(version: number, revision: number): void {
    this.#unacknowledged.push({ version, revision });
    if (this.#unacknowledged.length > MAX_UNACKNOWLEDGED) this.#unacknowledged.shift();
  }

  acknowledge(version: number, svidsPerKeyset: Readonly<Record<string, number>>): void {
    this.#svidsPerKeyset = svidsPerKeyset;
    for (let sent = this.#unacknowledged[0]; sent !== undefined; sent = this.#unacknowledged[0]) {
      if (sent.version > version) break;
      this.#acknowledgedRevision = sent.revision;
      this.#unacknowledged.shift();
    }
  }
}

interface Waiter {
  readonly revision: number;
  readonly streams: Set<AgentStream>;
  readonly done: () => void;
}

/** Which agents follow this server, and what they have acknowledged. */
export class ConnectedAgents {
  readonly #clock: Clock;
  readonly #streams = new Map<string, AgentStream>();
  readonly #waiters = new Set<Waiter>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Agents with an open stream, by agent id. */
  list(): ReadonlyMap<string, ConnectedAgent> {
    return new Map([...this.#streams].map(([id, stream]) => [id, stream.connected]));
  }

  /** How many agents have an open stream. */
  get size(): number {
    return this.#streams.size;
  }

  /** X.509-SVIDs that connected agents hold, per keyset id. */
  svidsPerKeyset(): Readonly<Record<string, number>> {
    const totals: Record<string, number> = {};
    for (const stream of this.#streams.values()) {
      for (const [keysetId, count] of Object.entries(stream.connected.svidsPerKeyset)) {
        totals[keysetId] = (totals[keysetId] ?? 0) + count;
      }
    }
    return totals;
  }

  /** An agent has one stream: a newer one ends the older, which is told by `superseded`. */
  open(session: AgentSession, superseded: () => void): AgentStream {
    const stream = new AgentStream(session, superseded);
    const older = this.#streams.get(session.agentId);
    this.#streams.set(session.agentId, stream);
    older?.superseded();
    return stream;
  }

  close(stream: AgentStream): void {
    const { agentId } = stream.session;
    if (this.#streams.get(agentId) === stream) this.#streams.delete(agentId);
    this.#settle(stream, () => true);
  }

  acknowledged(stream: AgentStream, version: number, svidsPerKeyset: Readonly<Record<string, number>>): void {
    stream.acknowledge(version, svidsPerKeyset);
    this.#settle(stream, (waiter) => stream.acknowledgedRevision >= waiter.revision);
  }

  /** Resolves when every agent connected now has acknowledged `revision`, has gone, or 10 s have passed. */
  async published(revision: number, signal: AbortSignal): Promise<void> {
    const behind = [...this.#streams.values()].filter((stream) => stream.acknowledgedRevision < revision);
    if (behind.length === 0) return;
    const finished = new AbortController();
    const waiter: Waiter = { revision, streams: new Set(behind), done: () => finished.abort() };
    this.#waiters.add(waiter);
    try {
      const waited = this.#clock.sleep(PUBLISH_WAIT_MS, finished.signal).catch(() => {});
      await orAbort(waited, signal);
    } finally {
      this.#waiters.delete(waiter);
      finished.abort();
    }
  }

  #settle(stream: AgentStream, satisfied: (waiter: Waiter) => boolean): void {
    for (const waiter of this.#waiters) {
      if (!satisfied(waiter)) continue;
      waiter.streams.delete(stream);
      if (waiter.streams.size === 0) waiter.done();
    }
  }
}
