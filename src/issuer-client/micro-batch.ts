import pLimit from 'p-limit';
import { SpirlError } from '../runtime/errors.js';

export interface BatchLimits {
  /** Items of one message. */
  readonly items: number;
  /** Messages in flight. */
  readonly messages: number;
  /** Items waiting for a message. */
  readonly waiting: number;
}

/** Sends one message; answers in the order of the items. */
export type SendBatch<Item, Result> = (items: readonly Item[]) => Promise<readonly (Result | SpirlError)[]>;

interface Entry<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/** Gathers items that come in the same turn of the event loop, or while all messages are in flight, into one message. */
export class MicroBatch<Item, Result> {
  readonly #send: SendBatch<Item, Result>;
  readonly #limits: BatchLimits;
  readonly #limit;
  #waiting: Entry<Item, Result>[] = [];
  #scheduled = false;

  constructor(send: SendBatch<Item, Result>, limits: BatchLimits) {
    this.#send = send;
    this.#limits = limits;
    this.#limit = pLimit(limits.messages);
  }

  /** The item's result. Leaves the line when `signal` aborts; once it is in a message, the message goes on. */
  add(item: Item, signal: AbortSignal): Promise<Result> {
    if (signal.aborted) return Promise.reject(signal.reason as Error);
    if (this.#waiting.length >= this.#limits.waiting) {
      return Promise.reject(
        new SpirlError('LIMIT_REACHED', 'too many requests to the trust-domain server are waiting'),
      );
    }
    return new Promise<Result>((resolve, reject) => {
      const leave = (): void => {
        this.#waiting = this.#waiting.filter((other) => other !== entry);
        reject(signal.reason as Error);
      };
      const stay = (): void => signal.removeEventListener('abort', leave);
      const entry: Entry<Item, Result> = {
        item,
        resolve: (result) => {
          stay();
          resolve(result);
        },
        reject: (error) => {
          stay();
          reject(error);
        },
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#waiting.push(entry);
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#dispatch();
    });
  }

  #dispatch(): void {
    while (this.#waiting.length > 0 && this.#limit.activeCount + this.#limit.pendingCount < this.#limits.messages) {
      const batch = this.#waiting.splice(0, this.#limits.items);
      void this.#limit(() => this.#deliver(batch)).finally(() => this.#dispatch());
    }
  }

  async #deliver(batch: readonly Entry<Item, Result>[]): Promise<void> {
    try {
      const results = await this.#send(batch.map(({ item }) => item));
      batch.forEach(({ resolve, reject }, index) => {
        const result = results[index];
        if (result === undefined) reject(new SpirlError('UNAVAILABLE', 'the trust-domain server left an item out'));
        else if (result instanceof SpirlError) reject(result);
        else resolve(result);
      });
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}
