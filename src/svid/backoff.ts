/** First wait after a failure. */
const FIRST_MS = 1_000;

/** Doubling, capped and jittered to between half and the whole. `attempts` counts from 1; `random` gives 0 to 1. */
export function backoffMs(attempts: number, maxMs: number, random: () => number): number {
  const whole = Math.min(maxMs, FIRST_MS * 2 ** Math.min(attempts - 1, 20));
  return whole * (0.5 + 0.5 * random());
}

/** Longest wait of one identity, or one token, that fails while others do not. */
export const RETRY_MAX_MS = 60_000;

/**
 * Wait of one identity after its `attempts`th failure. A server that has too much to do says when it is worth asking again (`askedMs`;
 * 0: it did not); that is spread, or all that it refused would return at once.
 */
export function retryWaitMs(attempts: number, askedMs: number, random: () => number): number {
  const asked = askedMs === 0 ? 0 : Math.min(RETRY_MAX_MS, askedMs * (1 + random()));
  return Math.max(asked, backoffMs(attempts, RETRY_MAX_MS, random));
}

/** Longest wait for a server that is away: what waited for it is renewed soon after its return. */
const AWAY_MAX_MS = 6_000;

/**
 * Whether the server answers at all. While it does not, one batch at a time asks, with backoff, so that neither the gate nor the
 * server is kept busy by what cannot succeed; the first answer opens everything again.
 */
export class Outage {
  readonly #random: () => number;
  #failures = 0;
  #until = -Infinity;

  constructor(random: () => number) {
    this.#random = random;
  }
  get isAway(): boolean {
    return this.#failures > 0;
  }
  /** Monotonic ms from which the next attempt is due. */
  get until(): number {
    return this.#until;
  }
  failed(now: number): void {
    // Batches that were under way together are one failure.
    if (now < this.#until) return;
    this.#failures++;
    this.#until = now + backoffMs(this.#failures, AWAY_MAX_MS, this.#random);
  }
  answered(): void {
    this.#failures = 0;
    this.#until = -Infinity;
  }
}
