import { SpirlError } from '../runtime/errors.js';

/** Counts what each uid holds of one thing, so that one user of the node cannot take it from the others. */
export class UidQuota {
  readonly #held = new Map<number, number>();
  readonly #what: string;
  readonly #limit: number;
  readonly #refused: () => void;

  /** `what` names the counted thing in refusals, in the plural; `refused` is told of each. */
  constructor(what: string, limit: number, refused: () => void = () => {}) {
    this.#what = what;
    this.#limit = limit;
    this.#refused = refused;
  }

  /** Takes one for `uid` and returns how to give it back (once). Throws LIMIT_REACHED. */
  take(uid: number): () => void {
    const held = this.held(uid);
    if (held >= this.#limit) {
      this.#refused();
      throw new SpirlError('LIMIT_REACHED', `too many ${this.#what} of uid ${uid}: at most ${this.#limit} at a time`);
    }
    this.#held.set(uid, held + 1);
    let taken = true;
    return () => {
      if (taken) this.#release(uid);
      taken = false;
    };
  }

  held(uid: number): number {
    return this.#held.get(uid) ?? 0;
  }

  #release(uid: number): void {
    const left = this.held(uid) - 1;
    if (left > 0) this.#held.set(uid, left);
    else this.#held.delete(uid);
  }
}
