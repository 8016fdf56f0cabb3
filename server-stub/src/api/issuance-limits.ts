/** Bounds and order of the line of SVIDs that agents asked for. The reasons: `docs/decisions/0004-mint-workers.md`. */
export interface IssuanceLimits {
  /** Issued at the same time; matters where a signature is a call to a key service. Worker threads add their places. */
  readonly concurrency: number;
  /** Items waiting, of all agents: a bound of memory; the bounds of time are reached first. */
  readonly waiting: number;
  /** Items waiting or under way, of one agent. */
  readonly perAgent: number;
  /** Items started before the event loop gets a turn; signatures in memory take 50 to 100 microseconds each. Twice as many where worker threads sign. */
  readonly perTurn: number;
  /** An item that would have to wait longer than this is not let in. */
  readonly doorMs: number;
  /** An item that has waited so long is refused: its caller is about to leave. */
  readonly waitMs: number;
  /** So long after its arrival an item has to be answered: agents give up a call after 15 s. */
  readonly answerMs: number;
}

export const ISSUANCE_LIMITS: IssuanceLimits = {
  concurrency: 64,
  waiting: 20_000,
  perAgent: 2_000,
  perTurn: 16,
  doorMs: 6_000,
  waitMs: 8_000,
  answerMs: 13_000,
};

/** So often a renewal goes before a waiting first issue: a flood of new workloads must not starve renewals to expiry. */
export const RENEWAL_EVERY = 8;

/** What a refused agent is told to wait before it asks again, at least and at most. */
export const RETRY_MS = { least: 1_000, most: 30_000 } as const;

/** `first`: a workload waits for its first SVID. `renewal`: it has a valid one. */
export type Urgency = 'first' | 'renewal';

/**
 * Items that are begun before a new one: `same` wait before it in its own line, `other` in the other line. Of eight begun while both lines
 * wait seven are first issues.
 */
export function itemsAhead(urgency: Urgency, same: number, other: number): number {
  const share = urgency === 'first' ? (RENEWAL_EVERY - 1) / RENEWAL_EVERY : 1 / RENEWAL_EVERY;
  return Math.min(same + other, Math.ceil(same / share));
}

/** How long an agent should wait before it asks again for what would have waited `expectedMs`. */
export function retryAfterMs(expectedMs: number, limits: Pick<IssuanceLimits, 'doorMs'>): number {
  return Math.min(RETRY_MS.most, Math.max(RETRY_MS.least, Math.ceil(expectedMs - limits.doorMs)));
}

/**
 * How long an item may wait before it is refused. What is under way is begun before it and ends before it: where a key manager's
 * quota makes that take seconds, they are taken off the time that the caller still has.
 */
export function patienceMs(limits: IssuanceLimits, underWay: number, perSecond: number | undefined): number {
  if (perSecond === undefined || perSecond <= 0) return limits.waitMs;
  const left = limits.answerMs - (underWay * 1000) / perSecond;
  return Math.max(RETRY_MS.least, Math.min(limits.waitMs, left));
}
