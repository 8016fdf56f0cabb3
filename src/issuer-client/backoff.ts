/** How long to wait between attempts. */
export interface BackoffPolicy {
  /** Upper bound before the first repetition, milliseconds. */
  readonly baseMs: number;
  readonly capMs: number;
}

/** For a server that is away: short enough that an outage costs an agent at most 5 s more than it lasted. */
export const RECONNECT_BACKOFF: BackoffPolicy = { baseMs: 500, capMs: 5_000 };
/** For a server that says no: only an operator can change that. */
export const REFUSED_BACKOFF: BackoffPolicy = { baseMs: 2_000, capMs: 60_000 };

/**
 * Milliseconds to wait after `failures` failed attempts (1 or more): doubling, capped, and drawn over nearly the whole range, so
 * that a fleet that lost its server at one moment does not come back at one moment. `random` gives [0, 1).
 */
export function backoffMs(failures: number, policy: BackoffPolicy, random: () => number): number {
  const ceiling = Math.min(policy.capMs, policy.baseMs * 2 ** Math.min(failures - 1, 30));
  return ceiling * (0.1 + 0.9 * random());
}
