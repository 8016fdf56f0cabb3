/** How long one thing after another may be waited for, all of them together. Milliseconds. */
export class WaitingTime {
  readonly limitMs: number;
  #spentMs = 0;

  constructor(limitMs: number) {
    this.limitMs = limitMs;
  }

  /** What is left of it, never less than nothing. */
  get leftMs(): number {
    return Math.max(0, this.limitMs - this.#spentMs);
  }

  spend(ms: number): void {
    this.#spentMs += ms;
  }
}
