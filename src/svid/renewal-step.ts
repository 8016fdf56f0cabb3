/** Calls under way at once; with batches of five a server may take four seconds and the rate is still kept. */
export const MAX_RENEWAL_CALLS = 16;

/** What is due, how many calls are under way, and what the agent knows of its server. Times are monotonic milliseconds. */
export interface RenewalSituation {
  readonly due: number;
  /** Until something else becomes due; `Infinity`: nothing will. */
  readonly nextInMs: number;
  readonly calls: number;
  readonly isAway: boolean;
  /** From when a server that is away may be asked again. */
  readonly until: number;
}

/** Lets renewals start; see RenewalGate. */
export interface Gate {
  release(wanted: number, now: number): number;
  opensAt(now: number): number;
}

/** How many of what is due start now, and the milliseconds until the next look. A call that ends asks again at once. */
export function renewalStep(
  { due, nextInMs, calls, isAway, until }: RenewalSituation,
  gate: Gate,
  now: number,
): { readonly start: number; readonly waitMs: number } {
  if (due === 0) return { start: 0, waitMs: nextInMs };
  if (isAway && now < until) return { start: 0, waitMs: Math.min(nextInMs, until - now) };
  if (calls >= (isAway ? 1 : MAX_RENEWAL_CALLS)) return { start: 0, waitMs: nextInMs };
  const start = gate.release(due, now);
  return { start, waitMs: start === due ? nextInMs : Math.min(nextInMs, gate.opensAt(now) - now) };
}
