/** A burst of refusals is one sign of too much, not many. */
const ONE_CUT_PER_MS = 500;

/**
 * How many calls a service is given at a time: half as many each time that it asks for less, one more after every full round
 * of answers. Pure but for its memory; times are of a clock that never goes back.
 */
export class InFlightLimit {
  readonly #most: number;
  #value: number;
  #answered = 0;
  #lastCut = -Infinity;

  constructor(most: number) {
    this.#most = most;
    this.#value = most;
  }

  get value(): number {
    return this.#value;
  }

  answered(): void {
    if (this.#value === this.#most) return;
    this.#answered++;
    if (this.#answered < this.#value) return;
    this.#answered = 0;
    this.#value++;
  }

  throttled(now: number): void {
    if (now - this.#lastCut < ONE_CUT_PER_MS) return;
    this.#lastCut = now;
    this.#answered = 0;
    this.#value = Math.max(1, Math.floor(this.#value / 2));
  }
}
