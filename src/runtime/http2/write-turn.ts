/** What has something to write at the end of this turn of the event loop. */
export interface Writer {
  /** Does not throw. */
  flush(): void;
}

/**
 * Lets everything that a connection has to say in one turn of the event loop leave as one write: the answers to what was read
 * together, and what is decided before the loop turns. One timer for all connections of a server.
 */
export class WriteTurn {
  #writers: Writer[] = [];

  /** Each at most once until it is flushed; the writer sees to that. */
  add(writer: Writer): void {
    if (this.#writers.push(writer) === 1) setImmediate(() => this.#flush());
  }

  #flush(): void {
    const writers = this.#writers;
    this.#writers = [];
    for (const writer of writers) writer.flush();
  }
}
