import { SpirlError } from 'spirl-agent/runtime/errors.js';
import type { Keyset, Ring } from '../domain/keyset.js';
import { TRANSITIONS, type KeysetCommand } from './transitions.js';

export const MAX_KEYSETS = 16;
/** The newest are kept. An id is one of 36^10, so one that is older than all of them is not made again. */
const MAX_TOMBSTONES = 1000;
/** Bits of a bundle's sequence number that count revisions; see `sequenceOf`. */
const REVISIONS_PER_EPOCH = 2 ** 20;

/** A change of the ring: a new keyset, or a command to a living one. */
export type RingChange =
  { readonly do: 'add'; readonly keyset: Keyset } | { readonly do: KeysetCommand; readonly keysetId: string };

/** The ring of a deployment before its first keyset. */
export function emptyRing(now: number): Ring {
  return { epoch: 1, revision: 0, keysets: [], tombstones: [], writtenAt: now };
}

/**
 * The ring after `change`, or the same object when there is nothing to do. Throws KEYSET_TRANSITION_REFUSED, NOT_FOUND,
 * LIMIT_REACHED. Times in the ring never go back, whatever the clock does. `latestSeen` is the latest time at which the present
 * ACTIVE keyset may have signed: later than `now` when the clock was set back since.
 */
export function applyChange(ring: Ring, change: RingChange, now: number, latestSeen = now): Ring {
  const at = Math.max(now, ring.writtenAt);
  if (change.do === 'add') {
    checkRoom(ring);
    return written(ring, { keysets: [change.keyset, ...ring.keysets] }, at);
  }
  const keyset = ring.keysets.find(({ id }) => id === change.keysetId);
  if (keyset === undefined) return withoutKeyset(ring, change);
  const next = TRANSITIONS[keyset.state][change.do];
  if (typeof next === 'object') throw new SpirlError('KEYSET_TRANSITION_REFUSED', next.refused);
  if (next === keyset.state) return ring;
  switch (next) {
    case 'ACTIVE':
      return activated(ring, keyset, at, Math.max(at, latestSeen));
    case 'TAINTED':
      return written(ring, { keysets: replaced(ring, { ...keyset, state: 'TAINTED' }) }, at);
    case 'REMOVED':
      return removed(ring, keyset, at);
  }
}

/** The same ring one epoch further, with `now` as the time of its last write, even if that is earlier. */
export function withRaisedEpoch(ring: Ring, now: number): Ring {
  // Seconds since 1970, so that a second restore of the same copy does not get the epoch of the first one again.
  const epoch = Math.max(ring.epoch + 1, Math.floor(now / 1000));
  return { ...ring, epoch, revision: ring.revision + 1, writtenAt: now };
}

/** One number that grows with every (epoch, revision); a safe integer until the year 2242. */
export function sequenceOf({ epoch, revision }: Pick<Ring, 'epoch' | 'revision'>): number {
  return (epoch - 1) * REVISIONS_PER_EPOCH + revision;
}

/** Throws LIMIT_REACHED when the ring has no place for another keyset. */
export function checkRoom(ring: Ring): void {
  if (ring.keysets.length < MAX_KEYSETS) return;
  throw new SpirlError('LIMIT_REACHED', `at most ${MAX_KEYSETS} key sets: taint and remove one first`);
}

/** Throws NOT_FOUND, except where the keyset is gone and should be gone. */
function withoutKeyset(ring: Ring, change: { readonly do: KeysetCommand; readonly keysetId: string }): Ring {
  const gone = ring.tombstones.some(({ id }) => id === change.keysetId);
  if (gone && (change.do === 'remove' || change.do === 'retire')) return ring;
  throw new SpirlError('NOT_FOUND', `key set ${change.keysetId} not found`);
}

function activated(ring: Ring, keyset: Keyset, at: number, demotedAt: number): Ring {
  if (keyset.expiresAt <= at) throw new SpirlError('KEYSET_TRANSITION_REFUSED', 'cannot activate expired key set');
  const keysets = ring.keysets.map((other): Keyset => {
    if (other.id === keyset.id) return { ...other, state: 'ACTIVE', firstActivatedAt: other.firstActivatedAt ?? at };
    return other.state === 'ACTIVE' ? { ...other, state: 'PREPARED', demotedAt } : other;
  });
  return written(ring, { keysets }, at);
}

function removed(ring: Ring, { id }: Keyset, at: number): Ring {
  const keysets = ring.keysets.filter((other) => other.id !== id);
  const tombstones = [{ id, removedAt: at }, ...ring.tombstones].slice(0, MAX_TOMBSTONES);
  return written(ring, { keysets, tombstones }, at);
}

function replaced(ring: Ring, keyset: Keyset): readonly Keyset[] {
  return ring.keysets.map((other) => (other.id === keyset.id ? keyset : other));
}

function written(ring: Ring, change: Partial<Pick<Ring, 'keysets' | 'tombstones'>>, at: number): Ring {
  const full = ring.revision + 1 >= REVISIONS_PER_EPOCH;
  const position = full ? { epoch: ring.epoch + 1, revision: 1 } : { revision: ring.revision + 1 };
  return { ...ring, ...change, ...position, writtenAt: at };
}
