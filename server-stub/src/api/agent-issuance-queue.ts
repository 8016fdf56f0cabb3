import { Overloaded } from 'spirl-agent/domain/overloaded.js';
import { Alarm } from 'spirl-agent/runtime/alarm.js';
import type { Clock } from 'spirl-agent/runtime/clock.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import type { SvidCaller } from '../domain/svid-caller.js';
import { Departures } from './departures.js';
import { DrainRate } from './drain-rate.js';
import {
  ISSUANCE_LIMITS,
  type IssuanceLimits,
  itemsAhead,
  patienceMs,
  RENEWAL_EVERY,
  retryAfterMs,
  type Urgency,
} from './issuance-limits.js';
import { TurnsByAgent } from './turns-by-agent.js';

/** Why an item was not issued though nothing was wrong with it. */
export type Refusal = 'busy' | 'late' | 'agent_limit' | 'gone';

export interface IssuanceQueueParts {
  readonly clock: Clock;
  readonly metrics: { issuanceRefused(reason: Refusal): void };
  readonly limits?: IssuanceLimits;
  /** Items that can be issued at the same time, where that is more than `limits.concurrency`. */
  readonly places?: () => number;
}

/** The call that an item came with. */
export interface Caller extends SvidCaller {
  /** Milliseconds since the epoch; `Infinity` when it did not say. */
  readonly deadline: number;
}

interface Entry {
  readonly agentId: string;
  readonly signal: AbortSignal;
  /** Monotonic milliseconds: when it came, and when its caller stops waiting. */
  readonly since: number;
  readonly until: number;
  start(): void;
  refuse(error: SpirlError): void;
}

const SWEEP_MS = 500;
const BUSY = 'the server has more SVIDs to issue than it can in time: try again';

/**
 * Orders the issuance of all agents: first issues before renewals, agents in turn. Nothing waits so long that its caller leaves:
 * what would is refused at once, with the time after which it is worth asking again, so that what is signed is also received.
 */
export class IssuanceQueue {
  readonly #parts: IssuanceQueueParts;
  readonly #limits: IssuanceLimits;
  readonly #waiting: Record<Urgency, TurnsByAgent<Entry>> = { first: new TurnsByAgent(), renewal: new TurnsByAgent() };
  readonly #perAgent = new Map<string, number>();
  readonly #drain = new DrainRate();
  readonly #departures = new Departures((signal, agentId) => this.#gone(signal, agentId));
  readonly #alarm = new Alarm();
  #running = 0;
  #started = 0;
  #resting = false;

  constructor(parts: IssuanceQueueParts) {
    this.#parts = parts;
    this.#limits = parts.limits ?? ISSUANCE_LIMITS;
  }

  /** Items that wait. */
  get size(): number {
    return this.#waiting.first.size + this.#waiting.renewal.size;
  }

  waiting(urgency: Urgency): number {
    return this.#waiting[urgency].size;
  }

  /**
   * Settles like `job`, when its turn has come. Throws LIMIT_REACHED at once when the agent has too many, and `Overloaded` when the
   * item would wait, or has waited, for too long. Of a caller that goes nothing is begun.
   */
  issue<T>(agentId: string, urgency: Urgency, job: () => Promise<T>, caller: Caller): Promise<T> {
    if (caller.isGone) return Promise.reject(this.#hasGone());
    if ((this.#perAgent.get(agentId) ?? 0) >= this.#limits.perAgent) {
      this.#parts.metrics.issuanceRefused('agent_limit');
      return Promise.reject(
        new SpirlError('LIMIT_REACHED', 'too many SVIDs of this agent are being issued: try again'),
      );
    }
    if (this.size === 0 && this.#hasPlace()) {
      this.#enter(agentId);
      return this.#begin(agentId, job);
    }
    const now = this.#parts.clock.monotonic();
    const until = now + caller.deadline - this.#parts.clock.now();
    const refusal = this.#refusal(agentId, urgency, until - now, now);
    if (refusal !== undefined) return Promise.reject(refusal);
    return new Promise((resolve, reject) => {
      const start = (): void => void this.#begin(agentId, job).then(resolve, reject);
      this.#wait(urgency, { agentId, signal: caller.signal, since: now, until, start, refuse: reject });
    });
  }

  /** Refuses what has waited for too long, also while nothing is begun, until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    while (!signal.aborted) {
      await this.#alarm.wait(this.size === 0 ? Infinity : SWEEP_MS, clock, signal);
      this.#sweep(clock.monotonic());
    }
  }

  /** Why a new item is not let in. */
  #refusal(agentId: string, urgency: Urgency, callerMs: number, now: number): SpirlError | undefined {
    const { first, renewal } = this.#waiting;
    const [same, other] = urgency === 'first' ? [first, renewal] : [renewal, first];
    const perSecond = this.#drain.at(now);
    const ahead = itemsAhead(urgency, same.ahead(agentId), other.size);
    const expectedMs = perSecond === undefined ? 0 : (ahead * 1000) / perSecond;
    const most = Math.min(this.#limits.doorMs, patienceMs(this.#limits, this.#running, perSecond), callerMs);
    if (expectedMs <= most && this.size < this.#limits.waiting) return undefined;
    this.#parts.metrics.issuanceRefused('busy');
    return new Overloaded(BUSY, retryAfterMs(expectedMs, this.#limits));
  }

  #wait(urgency: Urgency, entry: Entry): void {
    this.#enter(entry.agentId);
    this.#drain.busy(entry.since);
    // The sweeper sleeps while nobody waits.
    if (this.size === 0) this.#alarm.ring();
    this.#waiting[urgency].push(entry.agentId, entry);
    this.#departures.waits(entry.signal, entry.agentId);
    this.#start();
  }

  get #places(): number {
    const { places = () => 0 } = this.#parts;
    return Math.max(this.#limits.concurrency, places());
  }

  #hasPlace(): boolean {
    return !this.#resting && this.#running < this.#places;
  }

  /** Where other threads sign, beginning an item takes a fraction of the time, and they want whole batches. */
  get #perTurn(): number {
    const { concurrency, perTurn } = this.#limits;
    return this.#places > concurrency ? 2 * perTurn : perTurn;
  }

  #start(): void {
    while (this.#hasPlace()) {
      const entry = this.#next();
      if (entry === undefined) return;
      this.#departures.waited(entry.signal);
      const now = this.#parts.clock.monotonic();
      if (now - entry.since > this.#patience(now) || now > entry.until) this.#late(entry);
      else entry.start();
    }
  }

  #next(): Entry | undefined {
    const { first, renewal } = this.#waiting;
    const order = this.#started % RENEWAL_EVERY === RENEWAL_EVERY - 1 ? [renewal, first] : [first, renewal];
    const entry = order.find((line) => line.size > 0)?.shift();
    if (this.size === 0) this.#drain.idle();
    return entry;
  }

  /** Takes a place and gives it back. */
  async #begin<T>(agentId: string, job: () => Promise<T>): Promise<T> {
    this.#running++;
    if (++this.#started % this.#perTurn === 0) this.#rest();
    try {
      return await job();
    } finally {
      this.#running--;
      this.#leave(agentId);
      if (this.size > 0) {
        this.#drain.left(this.#parts.clock.monotonic());
        this.#start();
      }
    }
  }

  #rest(): void {
    this.#resting = true;
    setImmediate(() => {
      this.#resting = false;
      this.#start();
    });
  }

  #sweep(now: number): void {
    const patience = this.#patience(now);
    const isLate = ({ since, until }: Entry): boolean => now - since > patience || now > until;
    for (const line of [this.#waiting.first, this.#waiting.renewal]) {
      for (const entry of line.remove(isLate)) {
        this.#departures.waited(entry.signal);
        this.#late(entry);
      }
    }
  }

  #patience(now: number): number {
    return patienceMs(this.#limits, this.#running, this.#drain.at(now));
  }

  #late(entry: Entry): void {
    this.#parts.metrics.issuanceRefused('late');
    this.#leave(entry.agentId);
    entry.refuse(new Overloaded(BUSY, retryAfterMs(this.#limits.waitMs, this.#limits)));
  }

  #gone(signal: AbortSignal, agentId: string): void {
    for (const line of [this.#waiting.first, this.#waiting.renewal]) {
      for (const entry of line.remove((other) => other.signal === signal, agentId)) {
        this.#departures.waited(signal);
        this.#leave(agentId);
        entry.refuse(this.#hasGone());
      }
    }
    if (this.size === 0) this.#drain.idle();
  }

  #hasGone(): SpirlError {
    this.#parts.metrics.issuanceRefused('gone');
    return new SpirlError('UNAVAILABLE', 'the caller has gone');
  }

  #enter(agentId: string): void {
    this.#perAgent.set(agentId, (this.#perAgent.get(agentId) ?? 0) + 1);
  }

  #leave(agentId: string): void {
    const left = (this.#perAgent.get(agentId) ?? 1) - 1;
    if (left === 0) this.#perAgent.delete(agentId);
    else this.#perAgent.set(agentId, left);
  }
}
