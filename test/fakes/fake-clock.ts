import type { Clock } from '../../src/runtime/clock.js';

interface Sleeper {
  readonly at: number;
  readonly wake: () => void;
}

/** Time that stands still until a test moves it. */
export class FakeClock implements Clock {
  #now: number;
  #sleepers: Sleeper[] = [];
  constructor(now = Date.UTC(2026, 0, 1)) {
    this.#now = now;
  }
  now(): number {
    return this.#now;
  }
  monotonic(): number {
    return this.#now;
  }
  /** Sleeps under way. */
  get sleeping(): number {
    return this.#sleepers.length;
  }
  sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason as Error);
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        reject(signal.reason as Error);
      };
      const sleeper: Sleeper = {
        at: this.#now + Math.max(0, ms),
        wake: () => {
          signal.removeEventListener('abort', stop);
          resolve();
        },
      };
      signal.addEventListener('abort', stop, { once: true });
      this.#sleepers.push(sleeper);
    });
  }
  /** Moves time forward, waking each sleeper at its own moment and letting what it started run before the next. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    await flush();
    for (;;) {
      const next = this.#sleepers.filter((s) => s.at <= until).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#sleepers = this.#sleepers.filter((s) => s !== next);
      this.#now = Math.max(this.#now, next.at);
      next.wake();
      await flush();
    }
    this.#now = until;
    await flush();
  }
  /**
   * Moves time forward by `stepMs` whenever somebody sleeps, until `work` settles; answers like it. For work that also takes real time
   * between its sleeps (signatures are made in threads), which time in fixed steps may overtake on a busy machine.
   */
  async through<T>(work: Promise<T>, stepMs = 1000): Promise<T> {
    let settled = false;
    const seen = (): void => {
      settled = true;
    };
    work.then(seen, seen);
    while (!settled) await (this.sleeping > 0 ? this.advance(stepMs) : flush());
    return work;
  }
  /** Sets the wall clock, as an operator or a suspend would; sleepers are not woken. */
  jump(ms: number): void {
    this.#now += ms;
  }
}

/** Lets everything that is ready run. */
export async function flush(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}
