import type { Clock } from './clock.js';
import { ENDED } from './ended.js';

interface Pending {
  readonly at: number;
  readonly late: () => void;
}

/**
 * Many time limits of one length, at the cost of one timer: what began first is late first, so only the oldest has to be waited
 * for. Made for what thousands of connections and calls begin and nearly all end in time.
 */
export class DeadlineQueue {
  readonly #ms: number;
  readonly #clock: Clock;
  /** In the order in which they began. */
  readonly #pending = new Set<Pending>();
  readonly #closed = new AbortController();
  #waiting = false;

  /** `ms` is the length of each limit. */
  constructor(ms: number, clock: Clock) {
    this.#ms = ms;
    this.#clock = clock;
  }

  /** Calls `late` once the time is over, unless the function it returns is called before. `late` must not throw. */
  start(late: () => void): () => void {
    const pending = { at: this.#clock.monotonic() + this.#ms, late };
    this.#pending.add(pending);
    if (!this.#waiting) this.#wait();
    return () => this.#pending.delete(pending);
  }

  /** Nothing is late after this. */
  close(): void {
    this.#pending.clear();
    this.#closed.abort(ENDED);
  }

  #wait(): void {
    const [oldest] = this.#pending;
    this.#waiting = oldest !== undefined && !this.#closed.signal.aborted;
    if (oldest === undefined || !this.#waiting) return;
    this.#clock.sleep(oldest.at - this.#clock.monotonic(), this.#closed.signal).then(
      () => {
        const now = this.#clock.monotonic();
        for (const pending of this.#pending) {
          if (pending.at > now) break;
          this.#pending.delete(pending);
          pending.late();
        }
        this.#wait();
      },
      () => {},
    );
  }
}
