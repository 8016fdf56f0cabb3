/** Renewals that one agent may start per second. */
export const RENEWALS_PER_SECOND = 20;

/** Slightly more than the second, so that no clock's rounding puts 21 into one; 10,000 renewals take 501 s at the most. */
const WINDOW_MS = 1_002;

/** Renewals that go out together: a quarter of a second's worth, five at the specified rate, and never more than fifty. */
const BATCHES_PER_SECOND = 4;
const MIN_BATCH = 5;
const MAX_BATCH = 50;
/** A second's worth is spread over less than the second, so that a late timer costs nothing of the rate. */
const SPREAD_OVER_MS = 800;
const LONGEST_PAUSE_MS = 200;

/**
 * At most 20 starts in any window of one second, in small batches. It reads no clock: the moment of a start is what the caller
 * says, so the bound can be proved, and it is kept at the call itself whatever the event loop's lag (bottleneck plans real time).
 */
export class RenewalGate {
  readonly #limit: number;
  readonly #batch: number;
  readonly #batchEveryMs: number;
  /** Of the last second, oldest first. */
  #batches: { readonly at: number; readonly count: number }[] = [];
  #started = 0;
  #nextBatchAt = -Infinity;

  constructor(perSecond = RENEWALS_PER_SECOND) {
    this.#limit = perSecond;
    this.#batch = Math.min(MAX_BATCH, Math.max(MIN_BATCH, Math.ceil(perSecond / BATCHES_PER_SECOND)));
    this.#batchEveryMs = Math.min(LONGEST_PAUSE_MS, (this.#batch * SPREAD_OVER_MS) / perSecond);
  }

  /** Lets up to `wanted` renewals start at `now` (monotonic ms) and returns how many. They have to start at once. */
  release(wanted: number, now: number): number {
    if (wanted <= 0 || now < this.#nextBatchAt) return 0;
    const kept = this.#batches.findIndex(({ at }) => now - at < WINDOW_MS);
    const ended = this.#batches.splice(0, kept === -1 ? this.#batches.length : kept);
    for (const batch of ended) this.#started -= batch.count;
    const count = Math.min(wanted, this.#batch, this.#limit - this.#started);
    if (count <= 0) return 0;
    this.#batches.push({ at: now, count });
    this.#started += count;
    this.#nextBatchAt = now + this.#batchEveryMs;
    return count;
  }

  /** The moment (monotonic ms) at which `release` may let another one start. */
  opensAt(now: number): number {
    const oldest = this.#started < this.#limit ? -Infinity : (this.#batches[0]?.at ?? -Infinity) + WINDOW_MS;
    return Math.max(now, this.#nextBatchAt, oldest);
  }
}
