/** One SVID that may have to be renewed. */
export interface Candidate {
  /** Ordinary renewal, by the wall clock (ms since the epoch): after a suspend or a clock jump all that is due is due. */
  readonly dueAt: number;
  /** Renewal for another reason (taint, absent keyset, policy), monotonic ms; `undefined`: none. */
  readonly forcedAt: number | undefined;
  /** Not before this after a failure, monotonic ms. */
  readonly retryAt: number;
  /** Failures since the last success. */
  readonly attempts: number;
  /** Expiry by the wall clock. */
  readonly notAfter: number;
}

/** Wall clock (ms since the epoch) and monotonic clock (ms), read together. */
export interface Instant {
  readonly wall: number;
  readonly monotonic: number;
}

export interface Plan<T> {
  /** Most urgent first: what has not failed yet, then the oldest expiry. */
  readonly due: readonly T[];
  /** Milliseconds until another one becomes due; `Infinity`: none will. */
  readonly nextInMs: number;
}

/** When a candidate may be renewed, in milliseconds from `now`; not positive: it is due. */
export function dueInMs(candidate: Candidate, now: Instant): number {
  const ordinary = candidate.dueAt - now.wall;
  const forced = candidate.forcedAt === undefined ? Infinity : candidate.forcedAt - now.monotonic;
  return Math.max(Math.min(ordinary, forced), candidate.retryAt - now.monotonic);
}

/** First what has not failed yet, so that failing ones hold nobody up, then the oldest expiry. */
export function byUrgency(a: Candidate, b: Candidate): number {
  return a.attempts - b.attempts || a.notAfter - b.notAfter;
}

/** What to renew now and when to ask again, by looking at all: what `RenewalQueue` agrees with, and the fleet simulator uses. */
export function planRenewals<T extends Candidate>(candidates: Iterable<T>, now: Instant): Plan<T> {
  const due: T[] = [];
  let nextInMs = Infinity;
  for (const candidate of candidates) {
    const inMs = dueInMs(candidate, now);
    if (inMs <= 0) due.push(candidate);
    else nextInMs = Math.min(nextInMs, inMs);
  }
  due.sort(byUrgency);
  return { due, nextInMs };
}
