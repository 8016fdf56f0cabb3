/** Writes per turn of the event loop: an update to thousands of streams must not hold up the calls of others. */
const WRITES_PER_TURN = 100;

/** Runs jobs in the order in which they were added, in slices, one slice per turn. A job does not throw. */
export class PushQueue {
  #jobs: (() => void)[] = [];
  #scheduled = false;

  add(job: () => void): void {
    this.#jobs.push(job);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      for (const job of this.#jobs.splice(0, WRITES_PER_TURN)) job();
      if (this.#jobs.length > 0) this.#schedule();
    });
  }
}
