import type { Work } from '../../rounds.js';

/** A trick of a hot path. */
export interface Trick {
  /** As the report and the tables of docs/decisions name it: the trick, then what it is compared with. */
  readonly name: string;
  /** What is done once on either side, such as `answer`. */
  readonly unit: string;
  open(): Promise<TrickPair> | TrickPair;
}

/** Two ways to the same result. */
export interface TrickPair {
  readonly trick: Work;
  readonly plain: Work;
  readonly close?: () => Promise<void> | void;
}

/** Keeps what was made, so that making it is not optimised away. */
export class Sink {
  kept: unknown;
}

/** One turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
