import { SpirlError } from '../runtime/errors.js';

/** Somebody has more to do than it can do in time, and says when it is worth asking again. */
export class Overloaded extends SpirlError {
  /** Milliseconds. */
  readonly retryAfterMs: number;
  constructor(message: string, retryAfterMs: number) {
    super('UNAVAILABLE', message);
    this.name = 'Overloaded';
    this.retryAfterMs = retryAfterMs;
  }
}
