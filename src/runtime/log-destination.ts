import { writeSync } from 'node:fs';
import type { LogDestination } from './pino-logger.js';

/** Waiting lines longer than this, in characters, are written at once. */
const MAX_WAITING = 64 * 1024;
/** Bytes of lines that are kept while they cannot be written; those that come after are lost. */
const MAX_HELD = 1024 * 1024;
/** How long to wait, in milliseconds, for the reader of a pipe that says by itself that it is full. */
const FULL_PIPE_MS = 100;
const NOTHING = Buffer.alloc(0);

/** Where a process's lines go, with a way to write those that still wait. */
export interface FlushedDestination extends LogDestination {
  /** To be called when the process ends, however it ends, so that its last lines are not lost. Never throws. */
  flush(): void;
}

/** What a full disk did to a log: why lines could not be written, and how many of them are lost. */
export type OnWrittenAgain = (failure: Error, lost: number) => void;

/**
 * Writes the lines of one turn of the event loop to a file descriptor together: a busy moment logs one line per call. A log that
 * cannot be written ends nothing: the program is worth more than its lines. They are tried again with each later line.
 */
export function fileDescriptorDestination(fd: number, onWrittenAgain: OnWrittenAgain = () => {}): FlushedDestination {
  const held = new HeldLines(fd, onWrittenAgain);
  let waiting = '';
  let scheduled = false;
  const flush = (): void => {
    scheduled = false;
    const lines = waiting;
    waiting = '';
    held.write(lines);
  };
  return {
    flush,
    write: (line) => {
      waiting += line;
      if (waiting.length > MAX_WAITING) flush();
      else if (!scheduled) {
        scheduled = true;
        setImmediate(flush);
      }
    },
  };
}

/**
 * Lines on their way to a file descriptor that may not take them at present. pino's own destination ends the process when nobody hears
 * its error, and does not try again once it holds all that it may.
 */
class HeldLines {
  readonly #fd: number;
  readonly #onWrittenAgain: OnWrittenAgain;
  /** Begins where the last write ended, which may be within a line. */
  #held: Buffer = NOTHING;
  #lost = 0;
  #failure: Error | undefined;

  constructor(fd: number, onWrittenAgain: OnWrittenAgain) {
    this.#fd = fd;
    this.#onWrittenAgain = onWrittenAgain;
  }

  write(lines: string): void {
    const room = this.#held.length + lines.length <= MAX_HELD || this.#failure === undefined;
    if (!room) this.#lost += lines.split('\n').length - 1;
    else if (this.#held.length === 0) this.#held = Buffer.from(lines);
    else this.#held = Buffer.concat([this.#held, Buffer.from(lines)]);
    try {
      while (this.#held.length > 0) this.#held = this.#held.subarray(this.#take());
    } catch (error) {
      this.#failure = error as Error;
      return;
    }
    if (this.#failure === undefined) return;
    const [failure, lost] = [this.#failure, this.#lost];
    this.#failure = undefined;
    this.#lost = 0;
    this.#onWrittenAgain(failure, lost);
  }

  /** Bytes that were taken. */
  #take(): number {
    try {
      return writeSync(this.#fd, this.#held);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EAGAIN' && code !== 'EBUSY') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_PIPE_MS);
      return 0;
    }
  }
}
