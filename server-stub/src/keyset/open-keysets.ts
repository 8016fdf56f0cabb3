import { Latest } from 'spirl-agent/runtime/latest.js';
import { untilAvailable } from 'spirl-agent/runtime/until-available.js';
import { WaitingTime } from 'spirl-agent/runtime/waiting-time.js';
import { withDeadline } from 'spirl-agent/runtime/deadline.js';
import { hasCode } from 'spirl-agent/runtime/errors.js';
import { canRelease } from '../domain/key-manager.js';
import type { Ring, SigningState } from '../domain/keyset.js';
import type { Operator } from '../domain/operator.js';
import { clearStaleClaim } from './claim.js';
import type { KeysetParts } from './keyset-parts.js';
import { loadKeys, SEALED, type LoadedKeys } from './load-keys.js';
import { LooseKeys } from './loose-keys.js';
import { requireNoKeysYet } from './lost-ring.js';
import { Mutations } from './mutations.js';
import { openRingStore, type RingStore } from './ring-store.js';
import { dueStep } from './rotation-schedule.js';
import { assertClock } from './signing-time.js';

/** How long a start waits for a key service or an upstream that is away, unless it is told. */
const START_LIMIT_MS = 120_000;
const SWEEP_LIMIT_MS = 10_000;
const SCHEDULE: Operator = { name: 'schedule' };

/** The keysets of a deployment, loaded and verified: exactly one is ACTIVE. */
export interface OpenedKeysets {
  readonly ringStore: RingStore;
  /** What signs, and what is trusted; only committed rings appear here. */
  readonly state: Latest<SigningState>;
}

/**
 * Opens the ring and its keys, puts away what a killed predecessor left, and makes the first keyset of an empty ring. A key
 * service that is away is waited for, bounded; everything else that is wrong ends the start with an error that names it.
 */
export function openKeysets(
  parts: KeysetParts,
  signal: AbortSignal,
  time = new WaitingTime(START_LIMIT_MS),
): Promise<OpenedKeysets> {
  const { clock, logger } = parts;
  return untilAvailable((inTime) => open(parts, inTime), { clock, logger, time }, signal);
}

async function open(parts: KeysetParts, signal: AbortSignal): Promise<OpenedKeysets> {
  const ringStore = await openRingStore(parts, parts.clock.now(), signal);
  const { ring } = await ringStore.load();
  const { keys, strangers } = await loadKeys(ring, parts, signal);
  // While another replica is at work its new key is in no ring yet.
  const noted = await new LooseKeys(parts).ids();
  const alone = await clearStaleClaim(parts.store, parts.holder, parts.clock.now());
  if (alone) {
    await releaseSealed(parts, strangers, signal);
    tellStrangers(parts, ring, strangers, noted);
    await releaseLoose(parts, ring, signal);
  }
  await requireNoKeysYet(ring, parts, noted, signal);
  const state = new Latest<SigningState>({ version: 1, ring, keys });
  await makeFirstKeyset(parts, ringStore, state, signal);
  return { ringStore, state };
}

/**
 * Only keys in our own store are surely nobody else's. What a killed predecessor left elsewhere is noted; any other stranger there may be in
 * use by a server that runs on a newer copy of this store.
 */
async function releaseSealed(
  { logger }: KeysetParts,
  strangers: LoadedKeys['strangers'],
  signal: AbortSignal,
): Promise<void> {
  for (const { id: keysetId, manager } of strangers) {
    if (manager.custody === SEALED && canRelease(manager)) {
      logger.warn('Released a key that belongs to no key set', { keysetId });
      await manager.releaseKey(keysetId, signal);
    }
  }
}

/** Keys elsewhere that look like ours and that nobody here knows of: an operator may want to look. */
function tellStrangers(
  parts: KeysetParts,
  ring: Ring,
  strangers: LoadedKeys['strangers'],
  noted: readonly string[],
): void {
  const released = ring.tombstones.map(({ id }) => id);
  const unknown = strangers.filter(
    ({ id, manager }) => manager.custody !== SEALED && ![...noted, ...released].includes(id),
  );
  for (const { id: keysetId, manager } of unknown) {
    parts.logger.warn('A key of this deployment belongs to no key set; it is left alone', {
      keysetId,
      custody: manager.custody,
    });
  }
}

/** A service that is away does not keep the start waiting for what can be done later. */
async function releaseLoose(parts: KeysetParts, ring: Ring, signal: AbortSignal): Promise<void> {
  const sweep = (inTime: AbortSignal): Promise<void> => new LooseKeys(parts).sweep(ring, 'alone', inTime);
  try {
    await withDeadline(sweep, SWEEP_LIMIT_MS, 'releasing keys takes too long', parts.clock, signal);
  } catch (error) {
    if (!hasCode(error, 'DEADLINE_EXCEEDED')) throw error;
    parts.logger.warn('Keys that belong to no key set are released later', { error: error.message });
  }
}

async function makeFirstKeyset(
  parts: KeysetParts,
  ringStore: RingStore,
  state: Latest<SigningState>,
  signal: AbortSignal,
): Promise<void> {
  const nobodyYet = { published: () => Promise.resolve() };
  const mutations = new Mutations(parts, ringStore, state, nobodyYet);
  const choose = (ring: Ring, now: number) => (hasActive(ring) ? undefined : dueStep(ring, parts.policy, now));
  while (!hasActive(state.value.ring)) {
    assertClock(state.value.ring, parts.clock.now());
    await mutations.run('first key set', choose, SCHEDULE, signal);
  }
}

const hasActive = (ring: Ring): boolean => ring.keysets.some(({ state }) => state === 'ACTIVE');
