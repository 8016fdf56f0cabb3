import { NumberQueue, RENEWAL, type MessagePool } from './message-pool.js';

/** So often a renewal goes before waiting first issues: the order of the server's issuance queue. */
const RENEWAL_EVERY = 8;

/** The messages that wait at one replica: first issues before renewals, which still get every eighth place. */
export class ServerQueue {
  readonly #pool: MessagePool;
  readonly #first = new NumberQueue();
  readonly #renewals = new NumberQueue();
  readonly #limit: number;
  /** SVIDs of first issues that were begun since a renewal was. */
  #ahead = 0;
  /** SVIDs that wait. */
  items = 0;

  constructor(pool: MessagePool, limit: number) {
    this.#pool = pool;
    this.#limit = limit;
  }

  /** Takes a message in; SVIDs for which there is no room are refused at once. Returns how many were taken. */
  enter(message: number): number {
    const pool = this.#pool;
    const room = Math.max(0, Math.min(pool.items[message] ?? 0, this.#limit - this.items));
    pool.pending[message] = room;
    pool.waiting[message] = room;
    if (room === 0) return 0;
    this.items += room;
    (pool.kind[message] === RENEWAL ? this.#renewals : this.#first).push(message);
    return room;
  }

  /** The message whose turn it is; it stays in front until `begun` has counted all of its SVIDs. -1: none waits. */
  front(): number {
    const queue = this.#front();
    return queue.size === 0 ? -1 : queue.peek;
  }

  /** The next `count` SVIDs of the front message are begun, or dropped. */
  begun(count: number): void {
    const queue = this.#front();
    const message = queue.peek;
    const left = (this.#pool.waiting[message] ?? 0) - count;
    this.#pool.waiting[message] = left;
    this.items -= count;
    this.#ahead = queue === this.#renewals ? 0 : this.#ahead + count;
    if (left === 0) queue.shift();
  }

  /** Empties the queue; `each` gets every message. */
  clear(each: (message: number) => void): void {
    for (const queue of [this.#first, this.#renewals]) while (queue.size > 0) each(queue.shift());
    this.items = 0;
  }

  #front(): NumberQueue {
    const renewalsTurn = this.#first.size === 0 || this.#ahead >= RENEWAL_EVERY - 1;
    return renewalsTurn && this.#renewals.size > 0 ? this.#renewals : this.#first;
  }
}
