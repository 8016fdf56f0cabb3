import type { Clock } from './clock.js';

/**
 * For telling of what may happen thousands of times a second: the first time at once, then after `everyMs` at the earliest, with
 * how often it has happened since it was told last.
 */
export class Seldom {
  readonly #everyMs: number;
  readonly #clock: Clock;
  #untold = 0;
  #toldAt = -Infinity;

  constructor(everyMs: number, clock: Clock) {
    this.#everyMs = everyMs;
    this.#clock = clock;
  }

  /** It has happened once more; `tell` is called when it is time. */
  happened(tell: (times: number) => void): void {
    this.#untold++;
    const now = this.#clock.monotonic();
    if (now - this.#toldAt < this.#everyMs) return;
    const times = this.#untold;
    this.#untold = 0;
    this.#toldAt = now;
    tell(times);
  }
}
