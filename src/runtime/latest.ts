/** State as one immutable, versioned snapshot; a reader takes it once, a subscriber gets each newer one. */
export class Latest<T extends { readonly version: number }> {
  #value: T;
  readonly #listeners = new Set<(value: T) => void>();
  constructor(initial: T) {
    this.#value = initial;
  }
  get value(): T {
    return this.#value;
  }
  /** Ignores a snapshot that is not newer, so overlapping refreshes cannot go back in time. */
  publish(next: T): void {
    if (next.version <= this.#value.version) return;
    this.#value = next;
    for (const listener of [...this.#listeners]) listener(next);
  }
  /** Calls `listener` with the present value, then with each new one, until `signal` aborts. */
  subscribe(listener: (value: T) => void, signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#listeners.add(listener);
    signal.addEventListener('abort', () => this.#listeners.delete(listener), { once: true });
    listener(this.#value);
  }
}
