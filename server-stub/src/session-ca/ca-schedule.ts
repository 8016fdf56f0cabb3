const DAY_MS = 86_400_000;

/** How long a session CA certificate lives. Not tied to keysets: those rotate, this one lets an agent come back. */
export const SESSION_CA_LIFETIME_MS = 4 * 365 * DAY_MS;
/** A successor is made, and told to every agent, this long before the end. */
export const PUBLISH_BEFORE_END_MS = 2 * 365 * DAY_MS;
/** It signs only from here on, so an agent that slept for the 22 months between still trusts the server it meets. */
export const TAKE_OVER_BEFORE_END_MS = 60 * DAY_MS;

/** Validity of one session CA certificate, milliseconds since the epoch. */
export interface CaValidity {
  readonly notBefore: number;
  readonly notAfter: number;
}

/** Those that have not ended, oldest first. */
export function livingAuthorities<T extends CaValidity>(authorities: readonly T[], now: number): readonly T[] {
  return authorities.filter((ca) => now < ca.notAfter).sort((a, b) => a.notAfter - b.notAfter);
}

/** Whether a new session CA certificate has to be made. */
export function successorIsDue(authorities: readonly CaValidity[], now: number): boolean {
  return livingAuthorities(authorities, now).every((ca) => now >= ca.notAfter - PUBLISH_BEFORE_END_MS);
}

/** The one that signs: the oldest until shortly before its end; `undefined` when none lives. */
export function signingAuthority<T extends CaValidity>(authorities: readonly T[], now: number): T | undefined {
  const living = livingAuthorities(authorities, now);
  return living.find((ca) => now < ca.notAfter - TAKE_OVER_BEFORE_END_MS) ?? living.at(-1);
}
