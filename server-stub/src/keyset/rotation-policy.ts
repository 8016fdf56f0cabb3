const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** When the schedule does what. Milliseconds. */
export interface RotationPolicy {
  /** Asked of the upstream authority, which may give less. */
  readonly keysetLifetimeMs: number;
  /** A successor is prepared this long before the active keyset's end. */
  readonly prepareBeforeExpiryMs: number;
  /** A successor is activated by the schedule when it is this old. */
  readonly minPreparedAgeMs: number;
  /** No SVID of this deployment lives longer. */
  readonly longestSvidTtlMs: number;
  /** Verifiers' clocks may be behind ours by this much. */
  readonly clockSkewMs: number;
}

export const DEFAULT_ROTATION_POLICY: RotationPolicy = {
  keysetLifetimeMs: 90 * DAY_MS,
  prepareBeforeExpiryMs: 14 * DAY_MS,
  minPreparedAgeMs: 7 * DAY_MS,
  longestSvidTtlMs: 168 * HOUR_MS,
  clockSkewMs: 5 * 60_000,
};

/** `threshold` of the policy, for a keyset that lives shorter than the policy wished in the same proportion shorter. */
export function scaled(
  threshold: number,
  keyset: { createdAt: number; expiresAt: number },
  policy: RotationPolicy,
): number {
  return threshold * Math.min(1, Math.max(0, keyset.expiresAt - keyset.createdAt) / policy.keysetLifetimeMs);
}
