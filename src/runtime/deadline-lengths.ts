import type { Clock } from './clock.js';
import { DeadlineQueue } from './deadline-queue.js';

/** Limits shorter than this, in milliseconds, may be told this much too late. */
const FINEST_MS = 16;

/**
 * Time limits of any length, as callers set them, at the cost of a timer for each length there is, not for each limit. For that the
 * lengths are rounded up by a sixteenth at most, so that there are few.
 */
export class DeadlineLengths {
  readonly #clock: Clock;
  readonly #queues = new Map<number, DeadlineQueue>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** As `DeadlineQueue.start`. */
  start(ms: number, late: () => void): () => void {
    const length = roundedUp(ms);
    let queue = this.#queues.get(length);
    if (queue === undefined) {
      queue = new DeadlineQueue(length, this.#clock);
      this.#queues.set(length, queue);
    }
    return queue.start(late);
  }

  /** Nothing is late after this. */
  close(): void {
    for (const queue of this.#queues.values()) queue.close();
  }
}

/** One of sixteen lengths between two powers of two. */
function roundedUp(ms: number): number {
  const step = Math.max(FINEST_MS, 2 ** (Math.floor(Math.log2(Math.max(ms, 1))) - 4));
  return Math.max(1, Math.ceil(ms / step)) * step;
}
