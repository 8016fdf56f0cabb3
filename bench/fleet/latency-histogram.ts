/** Buckets of one histogram: a fifth of a power of two wide, from 1 ms on. */
export const LATENCY_BUCKETS = 96;
const PER_DOUBLING = 5;

export function latencyBucket(ms: number): number {
  if (ms <= 1) return 0;
  return Math.min(LATENCY_BUCKETS - 1, Math.ceil(Math.log2(ms) * PER_DOUBLING));
}

/** The middle of a bucket, milliseconds. */
function latencyOf(bucket: number): number {
  return bucket === 0 ? 0.5 : 2 ** ((bucket - 0.5) / PER_DOUBLING);
}

/** Counts of latencies per slot of time; quantiles are right within about 7 %. */
export class LatencyHistogram {
  readonly #counts: Uint32Array;
  readonly #slots: number;

  constructor(slots: number) {
    this.#slots = slots;
    this.#counts = new Uint32Array(slots * LATENCY_BUCKETS);
  }

  add(slot: number, ms: number, count: number): void {
    const index = Math.min(slot, this.#slots - 1) * LATENCY_BUCKETS + latencyBucket(ms);
    this.#counts[index] = (this.#counts[index] ?? 0) + count;
  }

  /** Milliseconds, over the slots from `from` up to but not including `to`; `undefined` when nothing was counted. */
  quantile(from: number, to: number, q: number): number | undefined {
    const sums = new Float64Array(LATENCY_BUCKETS);
    let total = 0;
    for (let slot = from; slot < Math.min(to, this.#slots); slot++) {
      for (let bucket = 0; bucket < LATENCY_BUCKETS; bucket++) {
        const count = this.#counts[slot * LATENCY_BUCKETS + bucket] ?? 0;
        sums[bucket] = (sums[bucket] ?? 0) + count;
        total += count;
      }
    }
    if (total === 0) return undefined;
    let below = 0;
    for (let bucket = 0; bucket < LATENCY_BUCKETS; bucket++) {
      below += sums[bucket] ?? 0;
      if (below >= q * total) return latencyOf(bucket);
    }
    return latencyOf(LATENCY_BUCKETS - 1);
  }
}
