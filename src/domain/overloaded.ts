import { SpirlError } from '../runtime/errors.js';

/** The server is there, and has more to issue than it can in time; it says when it is worth asking again. On the wire UNAVAILABLE. */
export class Overloaded extends SpirlError {
  /** Milliseconds. */
  readonly retryAfterMs: number;
  constructor(message: string, retryAfterMs: number) {
    super('CANNOT_ISSUE', message);
    this.name = 'Overloaded';
    this.retryAfterMs = retryAfterMs;
  }
}
