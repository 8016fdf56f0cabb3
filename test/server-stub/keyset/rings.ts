import type { Keyset, Ring } from '../../../server-stub/src/domain/keyset.js';
import { DEFAULT_ROTATION_POLICY } from '../../../server-stub/src/keyset/rotation-policy.js';

export const DAY = 24 * 3_600_000;
export const policy = DEFAULT_ROTATION_POLICY;

/** A keyset made on `day`, 90 days long unless told. Its certificates are one byte that says which. */
export function keyset(id: string, state: Keyset['state'], day: number, more: Partial<Keyset> = {}): Keyset {
  return {
    id,
    state,
    createdAt: day * DAY,
    expiresAt: (day + 90) * DAY,
    custody: 'sealed',
    caCertificate: Uint8Array.of(day),
    intermediates: [],
    x509Authorities: [Uint8Array.of(day)],
    jwtPublicSpki: Uint8Array.of(day),
    ...(state === 'ACTIVE' && { firstActivatedAt: day * DAY }),
    ...more,
  };
}

export function demoted(id: string, day: number, demotedOn: number): Keyset {
  return keyset(id, 'PREPARED', day, { firstActivatedAt: day * DAY, demotedAt: demotedOn * DAY });
}

export function ringOf(...keysets: readonly Keyset[]): Ring {
  return { epoch: 1, revision: 7, keysets, tombstones: [], writtenAt: 0 };
}
