import { Alarm } from '../runtime/alarm.js';
import type { Clock } from '../runtime/clock.js';
import type { Logger } from '../runtime/logger.js';
import type { Outage } from './backoff.js';
import type { Instant, Plan } from './renewal-plan.js';
import { type Gate, renewalStep } from './renewal-step.js';

/** What the loop renews. */
export interface RenewalWork<T> {
  /** What is due now; also the place to let go of what has ended. */
  plan(now: Instant): Plan<T>;
  /** Starts to renew `items` at once. Settles when they are done; failures are its own business, it never rejects. */
  renew(items: readonly T[]): Promise<void>;
}

export interface RenewalLoopParts {
  readonly gate: Gate;
  readonly outage: Outage;
  readonly clock: Clock;
  readonly log: Logger;
  /** Log message of each batch that goes out. */
  readonly sent: string;
}

/** A timer does not run while the machine sleeps, so the wall clock is looked at this often; what is due later needs no waking. */
export const LOOK_EVERY_MS = 10_000;

/** Renews what is due through the gate. Asks `plan` what that is when woken, when something becomes due, and now and then. */
export class RenewalLoop<T> {
  readonly #alarm = new Alarm();
  readonly #work: RenewalWork<T>;
  readonly #gate: Gate;
  readonly #outage: Outage;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #sent: string;
  #calls = 0;

  constructor(work: RenewalWork<T>, parts: RenewalLoopParts) {
    this.#work = work;
    this.#gate = parts.gate;
    this.#outage = parts.outage;
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#sent = parts.sent;
  }

  /** Something may have become due. */
  wake(): void {
    this.#alarm.ring();
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const waitMs = this.#step({ wall: this.#clock.now(), monotonic: this.#clock.monotonic() });
      await this.#alarm.wait(Math.min(waitMs, LOOK_EVERY_MS), this.#clock, signal);
    }
  }

  /** Starts what may start now; returns the milliseconds until the next look. */
  #step(now: Instant): number {
    const { due, nextInMs } = this.#work.plan(now);
    const { isAway, until } = this.#outage;
    const situation = { due: due.length, nextInMs, calls: this.#calls, isAway, until };
    const { start, waitMs } = renewalStep(situation, this.#gate, now.monotonic);
    if (start > 0) this.#start(due.slice(0, start), now);
    return waitMs;
  }

  #start(items: readonly T[], now: Instant): void {
    this.#calls++;
    this.#log.info(this.#sent, { at: now.wall, count: items.length });
    const ended = (): void => {
      this.#calls--;
      this.#alarm.ring();
    };
    this.#work.renew(items).then(ended, (error: unknown) => {
      this.#log.error('Renewal failed unexpectedly', { error });
      ended();
    });
  }
}
