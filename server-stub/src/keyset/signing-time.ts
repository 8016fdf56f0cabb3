import { SpirlError } from 'spirl-agent/runtime/errors.js';
import type { Ring } from '../domain/keyset.js';

/** Whether the clock stands at or after the ring's last write: before it nothing is signed. */
export function signingAllowedAt(ring: Ring, now: number): boolean {
  return now >= ring.writtenAt;
}

/** Throws CLOCK_WENT_BACK where `signingAllowedAt` says no. */
export function assertClock(ring: Ring, now: number): void {
  if (signingAllowedAt(ring, now)) return;
  const written = new Date(ring.writtenAt).toISOString();
  throw new SpirlError(
    'CLOCK_WENT_BACK',
    `the server's clock stands before the last change of its keys (${written}); nothing is signed until it is right again`,
  );
}
