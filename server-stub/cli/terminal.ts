import type { Clock } from 'spirl-agent/runtime/clock.js';

/** What the command line meets of the world: handed in by main.ts, faked by tests. */
export interface Terminal {
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborts at Ctrl-C, SIGTERM and SIGHUP. */
  readonly signal: AbortSignal;
  /** The clone: where `npm start` keeps its state and where the programs are. */
  readonly packageRoot: string;
  readonly version: string;
  /** The Node executable that runs this. */
  readonly node: string;
  out(text: string): void;
  err(text: string): void;
  readInput(): Promise<string>;
}
