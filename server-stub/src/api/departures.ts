interface Watched {
  waiting: number;
  readonly stop: () => void;
}

/** Hears of callers that go while items of theirs wait: one listener for each call, however many items it has. */
export class Departures {
  readonly #watched = new Map<AbortSignal, Watched>();
  readonly #gone: (signal: AbortSignal, agentId: string) => void;

  constructor(gone: (signal: AbortSignal, agentId: string) => void) {
    this.#gone = gone;
  }

  /** One more item of this agent's call waits. */
  waits(signal: AbortSignal, agentId: string): void {
    const watched = this.#watched.get(signal);
    if (watched !== undefined) {
      watched.waiting++;
      return;
    }
    const gone = (): void => this.#gone(signal, agentId);
    signal.addEventListener('abort', gone, { once: true });
    this.#watched.set(signal, { waiting: 1, stop: () => signal.removeEventListener('abort', gone) });
  }

  /** One of its items waits no more. */
  waited(signal: AbortSignal): void {
    const watched = this.#watched.get(signal);
    if (watched === undefined || --watched.waiting > 0) return;
    watched.stop();
    this.#watched.delete(signal);
  }
}
