import type { Clock } from '../runtime/clock.js';

/** What a command line meets of the world: handed in by main.ts, faked by tests. */
export interface Terminal {
  readonly clock: Clock;
  /** SPIFFE_ENDPOINT_SOCKET of the environment. */
  readonly endpointSocket: string | undefined;
  /** Aborts at Ctrl-C. */
  readonly signal: AbortSignal;
  out(text: string): void;
  err(text: string): void;
  readInput(): Promise<string>;
}
