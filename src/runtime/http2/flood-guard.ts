import type { Clock } from '../clock.js';

/** How often something may happen: `burst` times at once, and `perSecond` times a second in the long run. */
export interface FloodLimit {
  readonly burst: number;
  readonly perSecond: number;
}

/** Counts what costs the one who does it less than the one it is done to. */
export class FloodGuard {
  readonly #limit: FloodLimit;
  readonly #clock: Clock;
  #left: number;
  #at: number;

  constructor(limit: FloodLimit, clock: Clock) {
    this.#limit = limit;
    this.#clock = clock;
    this.#left = limit.burst;
    this.#at = clock.monotonic();
  }

  /** What has been of use allows for `times` more. */
  earn(times: number): void {
    this.#left = Math.min(this.#limit.burst, this.#left + times);
  }

  /** Counts one more; false when it is one too many. */
  allows(): boolean {
    if (this.#left < 1) {
      const now = this.#clock.monotonic();
      this.#left = Math.min(this.#limit.burst, this.#left + ((now - this.#at) / 1000) * this.#limit.perSecond);
      this.#at = now;
    }
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
