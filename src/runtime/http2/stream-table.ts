import { ConnectionError, ErrorCode } from './frame.js';
import { violation } from './payload.js';
import type { Http2Stream } from './stream.js';

/** Of the streams that we have ended, the last ones are remembered: as many as a client has under way at a time. */
const MAX_DISMISSED = 100;

/** The streams of a connection, by their numbers: open, ended by us, closed, or never begun (RFC 9113, 5.1 and 5.1.1). */
export class StreamTable {
  readonly #open = new Map<number, Http2Stream>();
  /** What their client sent before it knew that we had ended them is no mistake of its. */
  #dismissed: Set<number> | undefined;
  #newest = 0;
  /** Whether some below the newest were never begun. */
  #gaps = false;

  /** Number of open streams. */
  get size(): number {
    return this.#open.size;
  }

  /** The highest number that the client has used, 0 when there is none. */
  get newest(): number {
    return this.#newest;
  }

  get(id: number): Http2Stream | undefined {
    return this.#open.get(id);
  }

  /** Those that are open now; they may be closed meanwhile. */
  all(): Http2Stream[] {
    return [...this.#open.values()];
  }

  /** Headers have come on a stream that is not open. False when they are late: we had ended it. Throws when the client has no right to it. */
  begins(id: number): boolean {
    if (id > this.#newest) {
      this.#gaps ||= id > this.#newest + 2;
      this.#newest = id;
      return true;
    }
    if (this.isDismissed(id)) return false;
    const code = this.#gaps ? ErrorCode.PROTOCOL_ERROR : ErrorCode.STREAM_CLOSED;
    throw new ConnectionError(code, `HEADERS on stream ${id}, which is closed`);
  }

  add(stream: Http2Stream): void {
    this.#open.set(stream.id, stream);
  }

  delete(stream: Http2Stream): void {
    this.#open.delete(stream.id);
  }

  /** We have ended it, and its client may not know yet. */
  dismiss(id: number): void {
    this.#dismissed ??= new Set();
    this.#dismissed.add(id);
    if (this.#dismissed.size <= MAX_DISMISSED) return;
    const [oldest] = this.#dismissed;
    if (oldest !== undefined) this.#dismissed.delete(oldest);
  }

  isDismissed(id: number): boolean {
    return this.#dismissed?.has(id) === true;
  }

  /** Throws when no client can have begun it. */
  requireBegun(id: number, what: string): void {
    if (id % 2 === 0 || id > this.#newest) throw violation(`${what} on stream ${id}, which was never begun`);
  }
}
