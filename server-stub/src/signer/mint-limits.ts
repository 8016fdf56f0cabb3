/** How minting is spread over threads. The shape was measured: `docs/decisions/0004-mint-workers.md`. */
export interface MintLimits {
  /** Below this rate, or while nobody waits, the main thread mints alone. */
  readonly perSecond: number;
  /** SVIDs of one batch: below 16 messages cost too much, above 64 nothing is gained and latency grows. */
  readonly leastBatch: number;
  readonly batch: number;
  /** One is minted, one waits, so that a worker never waits for the main thread. */
  readonly batchesPerWorker: number;
  /** SVIDs that the main thread mints before the event loop gets a turn: about a millisecond. */
  readonly slice: number;
  /** SVIDs that wait here; the queue before it lets fewer through. */
  readonly waiting: number;
  /** A worker that got nothing for so long ends. */
  readonly idleMs: number;
  /** A batch takes milliseconds; a worker that needs longer than this is given up. */
  readonly answerMs: number;
  /** Loading the modules of a thread takes a tenth of a second. */
  readonly startMs: number;
  /** After a worker has failed none is started for so long. */
  readonly restMs: number;
}

export const MINT_LIMITS: MintLimits = {
  perSecond: 2_000,
  leastBatch: 16,
  batch: 32,
  batchesPerWorker: 2,
  slice: 16,
  waiting: 4_096,
  idleMs: 30_000,
  answerMs: 5_000,
  startMs: 10_000,
  restMs: 30_000,
};

/** One worker per core less one, which is for the main thread; at least one. */
export function workersFor(cores: number): number {
  return Math.max(1, cores - 1);
}
