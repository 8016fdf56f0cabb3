import type { Keyset, Ring } from '../domain/keyset.js';
import { scaled, type RotationPolicy } from './rotation-policy.js';
import { signingAllowedAt } from './signing-time.js';

/** What the schedule does by itself. */
export type RotationStep =
  | { readonly do: 'prepare' }
  | { readonly do: 'activate'; readonly keysetId: string }
  | { readonly do: 'retire'; readonly keysetId: string };

const MIN_TICK_MS = 200;
const MAX_TICK_MS = 60_000;

/** What the schedule asks for now, if anything. Pure: every case is one line in a table test. */
export function dueStep(ring: Ring, policy: RotationPolicy, now: number): RotationStep | undefined {
  if (!signingAllowedAt(ring, now)) return undefined;
  const active = ring.keysets.find(({ state }) => state === 'ACTIVE');
  const step = active === undefined ? firstStep(ring) : successionStep(ring, active, policy, now);
  if (step !== undefined) return step;
  const spent = ring.keysets.find((keyset) => isSpent(keyset, policy, now));
  return spent && { do: 'retire', keysetId: spent.id };
}

/** How often the schedule looks: often enough for the shortest threshold in the ring. */
export function tickMs(ring: Ring, policy: RotationPolicy): number {
  const ages = ring.keysets.map((keyset) => scaled(policy.minPreparedAgeMs, keyset, policy));
  return Math.min(MAX_TICK_MS, Math.max(MIN_TICK_MS, Math.min(policy.minPreparedAgeMs, ...ages) / 20));
}

/** An empty deployment needs its first keyset at once: there is nobody yet who would have to learn of it first. */
function firstStep(ring: Ring): RotationStep {
  const prepared = ring.keysets.find(({ state }) => state === 'PREPARED');
  return prepared === undefined ? { do: 'prepare' } : { do: 'activate', keysetId: prepared.id };
}

function successionStep(ring: Ring, active: Keyset, policy: RotationPolicy, now: number): RotationStep | undefined {
  const windowStart = active.expiresAt - scaled(policy.prepareBeforeExpiryMs, active, policy);
  // Before it what an operator prepared waits for the operator.
  if (now < windowStart) return undefined;
  const successors = ring.keysets.filter((keyset) => isSuccessor(keyset, active, windowStart, now));
  if (successors.length === 0) return { do: 'prepare' };
  const ready = successors.filter((keyset) => now >= activationDueAt(keyset, active, policy));
  const [best] = ready.sort((a, b) => b.expiresAt - a.expiresAt || b.createdAt - a.createdAt);
  return best && { do: 'activate', keysetId: best.id };
}

/**
 * PREPARED and never active: a demoted keyset is no successor, so a rollback is not undone. It has to outlive the active
 * one, unless the schedule's own window could get no better (an upstream root near its end).
 */
function isSuccessor(keyset: Keyset, active: Keyset, windowStart: number, now: number): boolean {
  if (keyset.state !== 'PREPARED' || keyset.firstActivatedAt !== undefined || keyset.expiresAt <= now) return false;
  return keyset.expiresAt > active.expiresAt || keyset.createdAt >= windowStart;
}

/**
 * When a successor is old enough. One that was made late (the key service was away) cannot wait its full age: it takes over
 * in the last quarter of the window, or half-way between its creation and the active keyset's end.
 */
function activationDueAt(successor: Keyset, active: Keyset, policy: RotationPolicy): number {
  const oldEnough = successor.createdAt + scaled(policy.minPreparedAgeMs, successor, policy);
  const lastQuarter = active.expiresAt - scaled(policy.prepareBeforeExpiryMs, active, policy) / 4;
  const halfWay = (successor.createdAt + active.expiresAt) / 2;
  return Math.min(oldEnough, Math.max(lastQuarter, halfWay));
}

/**
 * Everything a demoted keyset signed has ended: the longest SVID from its last moment, or its own end, which no SVID outlives. A
 * successor that nobody ever activated is spent at its end. Tainted keysets are the operator's.
 */
function isSpent(keyset: Keyset, policy: RotationPolicy, now: number): boolean {
  if (keyset.state !== 'PREPARED') return false;
  const lastSvidEnds = Math.min(keyset.expiresAt, (keyset.demotedAt ?? Infinity) + policy.longestSvidTtlMs);
  return now >= lastSvidEnds + policy.clockSkewMs;
}
