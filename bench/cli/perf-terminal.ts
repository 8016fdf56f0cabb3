import type { Clock } from '../../src/runtime/clock.js';

/** What the program meets of the world: handed in by main.ts, faked by tests. */
export interface PerfTerminal {
  readonly clock: Clock;
  /** Names of the scenarios that come with the program. */
  examples(): readonly string[];
  /** Text of a file, or of an example of that name. */
  read(file: string): string;
  write(file: string, text: string): void;
  out(text: string): void;
  err(text: string): void;
  readonly isTerminal: boolean;
  /** Aborts when somebody stops the program (Ctrl-C). From the first call on that is no end by itself any more. */
  untilStopped(): AbortSignal;
}
