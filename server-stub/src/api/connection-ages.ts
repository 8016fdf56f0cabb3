import type { Socket } from 'node:net';
import type { Clock } from 'spirl-agent/runtime/clock.js';
import { DeadlineQueue } from 'spirl-agent/runtime/deadline-queue.js';

/** Milliseconds. */
export interface AgeLimits {
  readonly ageMs: number;
  /** How long calls may go on after that. */
  readonly ageGraceMs: number;
}

/** What is asked to go when it is too old. */
export interface Aging {
  /** Takes no new calls; closes when the last one has ended. */
  leave(): void;
}

/** Ages between 90 % and 110 % of the limit, so that those who came together do not go together. */
const SPREAD = Array.from({ length: 32 }, (_, i) => 0.9 + (0.2 * i) / 31);

/** Replaces connections that are old: their agents come again, at whichever replica has room. */
export class ConnectionAges {
  readonly #ages: readonly DeadlineQueue[];
  readonly #graces: DeadlineQueue;
  #next = 0;

  constructor({ ageMs, ageGraceMs }: AgeLimits, clock: Clock) {
    this.#ages = SPREAD.map((part) => new DeadlineQueue(part * ageMs, clock));
    this.#graces = new DeadlineQueue(ageGraceMs, clock);
  }

  follow(socket: Socket, connection: Aging): void {
    const age = this.#ages[this.#next++ % this.#ages.length];
    let ended = age?.start(() => {
      ended = this.#graces.start(() => socket.destroy());
      connection.leave();
    });
    socket.once('close', () => ended?.());
  }

  /** No connection is too old after this. */
  close(): void {
    for (const queue of [...this.#ages, this.#graces]) queue.close();
  }
}
