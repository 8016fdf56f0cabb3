/** Renewals that one agent may start per second. */
export const RENEWALS_PER_SECOND = 20;

/** Slightly more than the second, so that no clock's rounding puts 21 into one. */
const WINDOW_MS = 1_010;

/** Renewals that go out together; a second's worth is spread over its first 0.6 s. */
const BATCH = 5;
const BATCH_EVERY_MS = 200;

/**
 * At most 20 starts in any window of one second, in small batches. It reads no clock: the moment of a start is what the caller
 * says, so the bound can be proved, and it is kept at the call itself whatever the event loop's lag (bottleneck plans real time).
 */
export class RenewalGate {
  readonly #limit: number;
  #starts: number[] = [];
  #nextBatchAt = -Infinity;

  constructor(perSecond = RENEWALS_PER_SECOND) {
    this.#limit = perSecond;
  }

  /** Lets up to `wanted` renewals start at `now` (monotonic ms) and returns how many. They have to start at once. */
  release(wanted: number, now: number): number {
    if (wanted <= 0 || now < this.#nextBatchAt) return 0;
    this.#starts = this.#starts.filter((at) => now - at < WINDOW_MS);
    const count = Math.min(wanted, BATCH, this.#limit - this.#starts.length);
    if (count <= 0) return 0;
    for (let i = 0; i < count; i++) this.#starts.push(now);
    this.#nextBatchAt = now + BATCH_EVERY_MS;
    return count;
  }

  /** The moment (monotonic ms) at which `release` may let another one start. */
  opensAt(now: number): number {
    const oldest = this.#starts.length < this.#limit ? -Infinity : (this.#starts[0] ?? -Infinity) + WINDOW_MS;
    return Math.max(now, this.#nextBatchAt, oldest);
  }
}
