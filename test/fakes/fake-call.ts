import type { RpcCall } from '../../src/runtime/rpc-method.js';

/** A call as its method sees it; what the transport takes, and when, is the test's choice. */
export class FakeCall implements RpcCall {
  readonly peer: object;
  readonly deadline = Infinity;
  readonly frames: Buffer[] = [];
  /** How it ended: `OK`, or the failure. */
  outcome: unknown;
  #takenBy: (() => void) | undefined;
  readonly #over: () => void;
  readonly #controller = new AbortController();

  /** `over` is called when the call ends. */
  constructor(peer: object, over = (): void => {}) {
    this.peer = peer;
    this.#over = over;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get isGone(): boolean {
    return this.outcome !== undefined;
  }

  send(frame: Buffer, taken?: () => void): void {
    if (this.isGone) return;
    this.frames.push(frame);
    this.#takenBy = taken;
  }

  /** The client reads what was sent last. */
  take(): void {
    const taken = this.#takenBy;
    this.#takenBy = undefined;
    taken?.();
  }

  end(): void {
    this.#finish('OK');
  }

  fail(error: unknown): void {
    this.#finish(error);
  }

  #finish(outcome: unknown): void {
    if (this.isGone) return;
    this.outcome = outcome;
    this.#controller.abort();
    this.#over();
  }
}
