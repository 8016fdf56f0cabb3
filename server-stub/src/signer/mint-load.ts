const WINDOW_MS = 250;

/** Measures how many SVIDs per second are minted while others wait. Times are of a clock that never goes back. */
export class MintLoad {
  readonly #perSecond: number;
  #since = -Infinity;
  #count = 0;
  #asked = false;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** Whether workers were asked for and nobody has listened yet. */
  get asked(): boolean {
    return this.#asked;
  }

  /** Counts one; whether it is more than one thread should do. */
  asksForWorkers(now: number): boolean {
    this.#count++;
    const elapsed = now - this.#since;
    if (elapsed < WINDOW_MS) return this.#asked;
    // After a pause the window is a new one.
    if (elapsed < 2 * WINDOW_MS) this.#asked = (this.#count * 1000) / elapsed > this.#perSecond;
    this.#since = now;
    this.#count = 0;
    return this.#asked;
  }

  heard(): void {
    this.#asked = false;
  }
}
