/** A service that is well signs in milliseconds. */
export const SIGN_LIMIT_MS = 5_000;
/** Whoever set no deadline waits so long for a service that throttles. */
export const PATIENCE_MS = 60_000;
const FIRST_PAUSE_MS = 50;
const MAX_PAUSE_MS = 2_000;
/** Of the calls that may be repeated after no answer, or a bad one. */
const ATTEMPTS = 2;

/** Whether a call is made again after its `attempt`th failure, at `at` the earliest; `until`: the end of the caller's patience. */
export function mayRepeat(failure: 'throttled' | 'no answer', attempt: number, until: number, at: number): boolean {
  return failure === 'throttled' ? at < until : attempt < ATTEMPTS;
}

/** Milliseconds before the next attempt: what the service wished, and full jitter over a doubling time. `random` gives [0, 1). */
export function repeatPauseMs(attempt: number, askedMs: number, random: () => number): number {
  const own = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(attempt, 10));
  return askedMs + random() * own;
}
