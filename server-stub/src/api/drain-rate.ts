const WINDOW_MS = 500;
/** What was measured longer ago says nothing about now. */
const FORGOTTEN_MS = 10_000;

/** How many items per second leave a line that is never empty meanwhile. Times are of a clock that never goes back. */
export class DrainRate {
  #since: number | undefined;
  #count = 0;
  #rate: number | undefined;
  #measuredAt = -Infinity;

  /** The line has items from now on. */
  busy(now: number): void {
    if (this.#since !== undefined) return;
    this.#since = now;
    this.#count = 0;
  }

  /** The line is empty. What a short rush showed is not kept: it ended because the line did. */
  idle(): void {
    this.#since = undefined;
  }

  /** One left. */
  left(now: number): void {
    if (this.#since === undefined) return;
    this.#count++;
    const elapsed = now - this.#since;
    if (elapsed < WINDOW_MS) return;
    this.#measured((this.#count * 1000) / elapsed, now);
    this.#since = now;
    this.#count = 0;
  }

  /** Items per second; undefined while it is not known. A line that stands still is slower with each moment. */
  at(now: number): number | undefined {
    if (now - this.#measuredAt > FORGOTTEN_MS) return this.#standing(now);
    const standing = this.#standing(now);
    return standing === undefined || this.#rate === undefined ? this.#rate : Math.min(this.#rate, standing);
  }

  /** Only the upper bound of a window that has lasted unusually long. */
  #standing(now: number): number | undefined {
    if (this.#since === undefined || now - this.#since < 4 * WINDOW_MS) return undefined;
    return ((this.#count + 1) * 1000) / (now - this.#since);
  }

  #measured(rate: number, now: number): void {
    const fresh = this.#rate === undefined || now - this.#measuredAt > FORGOTTEN_MS;
    this.#rate = fresh ? rate : (this.#rate ?? rate) / 2 + rate / 2;
    this.#measuredAt = now;
  }
}
