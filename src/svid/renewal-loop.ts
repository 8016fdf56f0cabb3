import { Alarm } from '../runtime/alarm.js';
import type { Clock } from '../runtime/clock.js';
import type { Logger } from '../runtime/logger.js';
import type { Outage } from './backoff.js';
import { dueInMs, type Candidate, type Instant } from './renewal-plan.js';
import { RenewalQueue } from './renewal-queue.js';
import { type Gate, renewalStep } from './renewal-step.js';

/** What was found when everything was looked at. */
export interface Look<T> {
  /** What may have to be renewed, now or later, and is not being renewed. */
  readonly candidates: readonly T[];
  /** Milliseconds until the next look is needed, whatever is due before; `Infinity`: no reason. */
  readonly nextInMs: number;
}

/** What the loop renews. */
export interface RenewalWork<T> {
  /** Looks at everything there is; also the place to let go of what has ended. */
  look(now: Instant): Look<T>;
  /** Whether what was found due is still to be renewed. */
  isWanted(item: T, now: Instant): boolean;
  /** Starts to renew `items` at once. Settles, when they are done, with what has failed and its new times; never rejects. */
  renew(items: readonly T[]): Promise<readonly T[]>;
}

export interface RenewalLoopParts {
  readonly gate: Gate;
  readonly outage: Outage;
  readonly clock: Clock;
  readonly log: Logger;
  /** Log message of each batch that goes out. */
  readonly sent: string;
}

/** A timer does not run while the machine sleeps, so everything is looked at this often by the wall clock. */
export const LOOK_EVERY_MS = 10_000;

/**
 * Renews what is due through the gate. Everything is looked at when woken and now and then; in between, the queue that was
 * filled then tells what is next, so that a batch costs the same however many SVIDs there are.
 */
export class RenewalLoop<T extends Candidate> {
  readonly #alarm = new Alarm();
  readonly #queue = new RenewalQueue<T>();
  readonly #work: RenewalWork<T>;
  readonly #gate: Gate;
  readonly #outage: Outage;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #sent: string;
  #calls = 0;
  /** Monotonic ms of the next look. */
  #lookAt = -Infinity;

  constructor(work: RenewalWork<T>, parts: RenewalLoopParts) {
    this.#work = work;
    this.#gate = parts.gate;
    this.#outage = parts.outage;
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#sent = parts.sent;
  }

  /** Anything may have changed. */
  wake(): void {
    this.#lookAt = -Infinity;
    this.#alarm.ring();
  }

  /** A new one, which has not been seen at the last look. */
  add(item: T): void {
    const now = this.#now();
    const inMs = dueInMs(item, now);
    // Its end is to be noticed as well.
    this.#lookAt = Math.min(this.#lookAt, now.monotonic + Math.max(0, item.notAfter - now.wall));
    if (inMs > LOOK_EVERY_MS) return;
    this.#queue.add(item, now);
    this.#alarm.ring();
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const waitMs = this.#step(this.#now());
      await this.#alarm.wait(waitMs, this.#clock, signal);
    }
  }

  #now(): Instant {
    return { wall: this.#clock.now(), monotonic: this.#clock.monotonic() };
  }

  /** Starts what may start now; returns the milliseconds until the next step. */
  #step(now: Instant): number {
    const { monotonic } = now;
    if (monotonic >= this.#lookAt) this.#look(now);
    const due = this.#queue.dueAt(monotonic);
    const nextInMs = Math.min(this.#queue.nextInMs(monotonic), this.#lookAt - monotonic);
    const { isAway, until } = this.#outage;
    const situation = { due, nextInMs, calls: this.#calls, isAway, until };
    const { start, waitMs } = renewalStep(situation, this.#gate, monotonic);
    const items = this.#queue.take(start, (item) => this.#work.isWanted(item, now));
    if (items.length > 0) this.#start(items, now);
    return waitMs;
  }

  #look(now: Instant): void {
    const { candidates, nextInMs } = this.#work.look(now);
    this.#queue.fill(candidates, now, LOOK_EVERY_MS);
    this.#lookAt = now.monotonic + Math.min(nextInMs, LOOK_EVERY_MS);
  }

  #start(items: readonly T[], now: Instant): void {
    this.#calls++;
    this.#log.info(this.#sent, { at: now.wall, count: items.length });
    const ended = (failed: readonly T[]): void => {
      this.#calls--;
      for (const item of failed) this.add(item);
      // While the server is away few batches go, and what has expired has to end.
      if (this.#outage.isAway) this.#lookAt = -Infinity;
      this.#alarm.ring();
    };
    this.#work.renew(items).then(ended, (error: unknown) => {
      this.#log.error('Renewal failed unexpectedly', { error });
      this.#lookAt = -Infinity;
      ended([]);
    });
  }
}
