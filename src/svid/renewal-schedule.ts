import { hash } from 'node:crypto';

/** What counts as the lifetime of an SVID when its renewal is planned. Milliseconds since the epoch. */
export interface Lifetime {
  readonly start: number;
  readonly end: number;
}

/** How much of what is left may lie behind us at the moment of issue before it no longer counts as lifetime. */
const MAX_BACKDATED_PART = 0.1;

/**
 * The lifetime of an SVID that was obtained at `obtainedAt`. It begins at notBefore, unless the backdating is long against the
 * rest (lifetimes of seconds, in a lab; a clock far ahead): then the SVID would be due before it was issued, so it begins when it came.
 */
export function lifetimeOf(
  svid: { readonly notBefore: number; readonly notAfter: number },
  obtainedAt: number,
): Lifetime {
  const backdated = obtainedAt - svid.notBefore;
  const longAgo = backdated > (svid.notAfter - obtainedAt) * MAX_BACKDATED_PART;
  return { start: longAgo ? Math.min(obtainedAt, svid.notAfter) : svid.notBefore, end: svid.notAfter };
}

/** Drawn once per SVID, from 0 up to but not including 1: the same for the same SVID on the same agent, even over all others. */
export function renewalFraction(agentId: string, identity: string, serial: string): number {
  return hash('sha256', JSON.stringify([agentId, identity, serial]), 'buffer').readUInt32BE(0) / 2 ** 32;
}

/** Between 0.40 and 0.50 of the lifetime, so a fleet started together spreads out and none is late at half-life. */
export function renewalDueAt(lifetime: Lifetime, fraction: number): number {
  return lifetime.start + (lifetime.end - lifetime.start) * (0.4 + 0.1 * fraction);
}

/** An SVID counts as expiring one minute after half of its life, when its renewal must have failed for a while. */
export const EXPIRING_GRACE_MS = 60_000;

export function isExpiring(lifetime: Lifetime, now: number): boolean {
  return now > (lifetime.start + lifetime.end) / 2 + EXPIRING_GRACE_MS;
}
