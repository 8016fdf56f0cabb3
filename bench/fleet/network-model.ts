import { AGENT_LISTENER_LIMITS } from '../../server-stub/src/api/agent-listener.js';
import { backoffMs, RECONNECT_BACKOFF } from '../../src/issuer-client/backoff.js';
import { KEEPALIVE_MS, KEEPALIVE_TIMEOUT_MS } from '../../src/issuer-client/call-limits.js';
import type { CalendarQueue } from './calendar-queue.js';
import { sampler } from './distribution.js';
import { ANSWER, ARRIVE, CONNECT, TRUST } from './event-kinds.js';
import type { FleetState } from './fleet-state.js';
import type { MessagePool } from './message-pool.js';
import type { Random } from './random.js';
import type { Scenario } from './scenario.js';

/** A dead connection is noticed after so long. */
const UNNOTICED_MS = KEEPALIVE_MS + KEEPALIVE_TIMEOUT_MS;
/** A call without a connection fails at once. */
const AT_ONCE_MS = 1;
/** A server ends connections that are so old, 10 % more or less. */
const CONNECTION_AGE_MS = AGENT_LISTENER_LIMITS.ageMs;

/** Who reaches whom: connections of agents to replicas, zones that are cut off, and the way of messages. */
export class NetworkModel {
  readonly #fleet: FleetState;
  readonly #pool: MessagePool;
  readonly #events: CalendarQueue;
  readonly #random: Random;
  readonly #latency: () => number;
  readonly #propagation: () => number;
  readonly #alive: () => number[];
  readonly #cutAt: (number | undefined)[];
  readonly #failures: Uint8Array;
  #targets: number[];

  constructor(
    scenario: Scenario,
    parts: { fleet: FleetState; pool: MessagePool; events: CalendarQueue; random: Random; alive: () => number[] },
  ) {
    this.#fleet = parts.fleet;
    this.#pool = parts.pool;
    this.#events = parts.events;
    this.#random = parts.random;
    this.#alive = parts.alive;
    this.#latency = sampler(scenario.network.latency, parts.random);
    this.#propagation = sampler(scenario.network.propagation, parts.random);
    this.#cutAt = new Array<undefined>(scenario.network.zones).fill(undefined);
    this.#failures = new Uint8Array(parts.fleet.agents);
    this.#targets = parts.alive();
  }

  /** Replicas have come or gone. */
  replicasChanged(): void {
    this.#targets = this.#alive();
  }

  isCut(agent: number): boolean {
    return this.#cutAt[this.#fleet.zone[agent] ?? 0] !== undefined;
  }

  /** Connects at the beginning of a scenario, with a connection of any age. */
  connectedFromStart(agent: number): void {
    this.#attach(agent, -this.#random.next() * CONNECTION_AGE_MS);
    this.#fleet.connectedAt[agent] = 0;
  }

  /** An agent tries to connect. Returns whether it succeeded; if not, it tries again. */
  connect(agent: number, now: number): boolean {
    if (this.isCut(agent)) {
      this.#fleet.connectedAt[agent] = Infinity;
      return false;
    }
    if (this.#targets.length === 0) {
      this.retry(agent, now);
      return false;
    }
    this.#failures[agent] = 0;
    this.#fleet.connectedAt[agent] = now;
    this.#attach(agent, now);
    this.#events.schedule(now + 2 * this.#latency(), TRUST, agent);
    return true;
  }

  /** The connection broke: another one is opened after the agent's own backoff. */
  retry(agent: number, now: number): void {
    const failures = Math.min(200, (this.#failures[agent] ?? 0) + 1);
    this.#failures[agent] = failures;
    const at = now + backoffMs(failures, RECONNECT_BACKOFF, this.#random.next);
    this.#fleet.connectedAt[agent] = at;
    this.#events.schedule(at, CONNECT, agent);
  }

  /** A replica is gone: its agents notice at once. */
  replicaLost(replica: number, now: number): void {
    for (let agent = 0; agent < this.#fleet.agents; agent++) {
      if (this.#fleet.replica[agent] === replica && this.#isConnected(agent, now)) this.retry(agent, now);
    }
  }

  cut(zone: number, now: number): void {
    this.#cutAt[zone] = now;
  }

  /** A zone is back: its agents are somewhere in the longest wait of their backoff. */
  heal(zone: number, now: number): void {
    this.#cutAt[zone] = undefined;
    for (let agent = 0; agent < this.#fleet.agents; agent++) {
      if (this.#fleet.zone[agent] !== zone || this.#fleet.replica[agent] === -1) continue;
      const at = now + this.#random.next() * backoffMs(10, RECONNECT_BACKOFF, this.#random.next);
      this.#fleet.connectedAt[agent] = at;
      this.#events.schedule(at, CONNECT, agent);
    }
  }

  /** Sends a trust state to everybody who is connected. Returns when the last one has it. */
  publish(now: number): number {
    let last = now;
    for (let agent = 0; agent < this.#fleet.agents; agent++) {
      if (!this.#isConnected(agent, now) || this.isCut(agent)) continue;
      const at = now + this.#propagation();
      last = Math.max(last, at);
      this.#events.schedule(at, TRUST, agent);
    }
    return last;
  }

  /** Sends a message off. What cannot be sent fails at once, or is lost without a word. */
  send(message: number, now: number): void {
    const agent = this.#pool.agent[message] ?? 0;
    const cutAt = this.#cutAt[this.#fleet.zone[agent] ?? 0];
    const connectedAt = this.#fleet.connectedAt[agent] ?? Infinity;
    if (cutAt !== undefined) {
      if (now - cutAt < UNNOTICED_MS) this.#pool.letGo(message);
      else this.#events.schedule(now + AT_ONCE_MS, ANSWER, message);
      return;
    }
    if (connectedAt === Infinity) {
      this.#events.schedule(now + AT_ONCE_MS, ANSWER, message);
      return;
    }
    if ((this.#fleet.connectedUntil[agent] ?? 0) < now && this.#targets.length > 0) this.#attach(agent, now);
    this.#events.schedule(Math.max(now, connectedAt) + this.#latency(), ARRIVE, message);
  }

  /** A message has come to the server's side; false when it was lost on the way. */
  arrived(message: number): boolean {
    const agent = this.#pool.agent[message] ?? 0;
    if (this.isCut(agent)) {
      this.#pool.letGo(message);
      return false;
    }
    this.#pool.replica[message] = this.#fleet.replica[agent] ?? 0;
    return true;
  }

  answer(message: number, now: number): void {
    this.#events.schedule(now + this.#latency(), ANSWER, message);
  }

  #isConnected(agent: number, now: number): boolean {
    return (this.#fleet.connectedAt[agent] ?? Infinity) <= now;
  }

  #attach(agent: number, since: number): void {
    this.#fleet.replica[agent] = this.#targets[this.#random.below(this.#targets.length)] ?? 0;
    this.#fleet.connectedUntil[agent] = since + CONNECTION_AGE_MS * (0.9 + 0.2 * this.#random.next());
  }
}
