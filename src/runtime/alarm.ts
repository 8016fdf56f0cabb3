import type { Clock } from './clock.js';
import { ENDED } from './ended.js';

/** Lets a loop sleep until a moment or until somebody rings, whichever comes first. For one waiting loop. */
export class Alarm {
  #rung = false;
  #wake: (() => void) | undefined;

  /** Ends the wait under way, or the next one before it begins. */
  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /** Resolves after `ms` (`Infinity`: never by itself), when rung, or when `signal` aborts; the caller looks which. */
  async wait(ms: number, clock: Clock, signal: AbortSignal): Promise<void> {
    if (!this.#rung && !signal.aborted) await this.#sleep(ms, clock, signal);
    this.#rung = false;
  }

  async #sleep(ms: number, clock: Clock, signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const rung = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    const end = (): void => this.#wake?.();
    signal.addEventListener('abort', end, { once: true });
    const slept = ms === Infinity ? [] : [clock.sleep(ms, stop.signal).catch(() => {})];
    await Promise.race([rung, ...slept]);
    this.#wake = undefined;
    signal.removeEventListener('abort', end);
    stop.abort(ENDED);
  }
}
