import { ENDED } from '../runtime/ended.js';
import { SpirlError } from '../runtime/errors.js';
import { orAbort } from '../runtime/task-group.js';

/** What a running call gets: a signal that ends with it, and a way to end it. */
export interface OpenCall {
  readonly signal: AbortSignal;
  readonly fail: (error: unknown) => void;
}

/** All calls being served, so that they can be ended together. */
export class OpenCalls {
  readonly #open = new Set<AbortController>();
  #stopped: SpirlError | undefined;

  /** Settles like `work`, or rejects at once when the client goes (`gone`), the call fails or everything stops. */
  async during<T>(gone: AbortSignal, work: (call: OpenCall) => Promise<T>): Promise<T> {
    if (this.#stopped !== undefined) throw this.#stopped;
    const ended = new AbortController();
    const leave = (): void => ended.abort(gone.reason);
    gone.addEventListener('abort', leave, { once: true });
    if (gone.aborted) leave();
    this.#open.add(ended);
    try {
      const call = { signal: ended.signal, fail: (error: unknown) => ended.abort(error) };
      const result = await orAbort(work(call), ended.signal);
      ended.signal.throwIfAborted();
      return result;
    } catch (error) {
      // Work that was told to stop may do so in words of its own; the reason counts.
      if (ended.signal.aborted) throw ended.signal.reason;
      throw error;
    } finally {
      this.#open.delete(ended);
      gone.removeEventListener('abort', leave);
      ended.abort(ENDED);
    }
  }

  get size(): number {
    return this.#open.size;
  }

  /** Ends every call, and those that still come, with `reason`. */
  stop(reason: SpirlError): void {
    this.#stopped = reason;
    for (const call of this.#open) call.abort(reason);
  }
}
