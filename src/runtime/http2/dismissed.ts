/** As many as a client has under way at a time. */
const MAX_STREAMS = 100;

/** The streams that we have ended last: what their client sent before it knew is no mistake of its. */
export class Dismissed {
  readonly #streams = new Set<number>();

  has(stream: number): boolean {
    return this.#streams.has(stream);
  }

  add(stream: number): void {
    this.#streams.add(stream);
    if (this.#streams.size <= MAX_STREAMS) return;
    const [oldest] = this.#streams;
    if (oldest !== undefined) this.#streams.delete(oldest);
  }
}
