import type { Logger } from '../runtime/logger.js';
import type { Instant } from './renewal-plan.js';

/** A difference between wall and monotonic clock that is worth a line in the log. */
const JUMP_MS = 5_000;

/** Notices that the wall clock was set or that the machine slept. Nothing has to be done: what is due by the wall clock is due. */
export class ClockJumps {
  readonly #log: Logger;
  #offset: number | undefined;

  constructor(log: Logger) {
    this.#log = log;
  }

  look({ wall, monotonic }: Instant): void {
    const offset = wall - monotonic;
    const jumpMs = Math.round(offset - (this.#offset ?? offset));
    // Small steps may add up, so the offset is only renewed together with a line.
    if (this.#offset !== undefined && Math.abs(jumpMs) <= JUMP_MS) return;
    if (this.#offset !== undefined) this.#log.warn('Clock jumped or machine was suspended', { jumpMs });
    this.#offset = offset;
  }
}
