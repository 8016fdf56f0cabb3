/**
 * The calls of one client of the Azure SDK, of which the first that goes well is made alone. A client learns from its first answer how to authenticate; a
 * call that begins meanwhile may take that from it, and the first one is then sent without its body and refused as malformed.
 */
export class FirstAlone {
  #known = false;
  #first: Promise<void> | undefined;

  /** Waits no longer than the calls before it take; `work` has a limit of its own. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    while (!this.#known && this.#first !== undefined) await this.#first;
    if (this.#known) return work();
    const call = work();
    this.#first = call.then(
      () => this.#ended(true),
      () => this.#ended(false),
    );
    return call;
  }

  #ended(known: boolean): void {
    this.#known = known;
    this.#first = undefined;
  }
}
