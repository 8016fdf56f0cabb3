import { orAbort } from './task-group.js';

/** A flag that one loop waits for. Setting it any number of times before the loop looks wakes the loop once. */
export class Wakeup {
  #set = false;
  #wake: (() => void) | undefined;

  set(): void {
    this.#set = true;
    this.#wake?.();
  }

  /** Resolves when the flag is set (at once when it is) and clears it. Rejects when `signal` aborts. One waiter at a time. */
  async wait(signal: AbortSignal): Promise<void> {
    if (!this.#set) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await orAbort(woken, signal);
      this.#wake = undefined;
    }
    signal.throwIfAborted();
    this.#set = false;
  }
}
