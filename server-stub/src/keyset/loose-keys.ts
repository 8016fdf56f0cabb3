import { withDeadline } from 'spirl-agent/runtime/deadline.js';
import { SpirlError, hasCode } from 'spirl-agent/runtime/errors.js';
import { canRelease } from '../domain/key-manager.js';
import type { Ring } from '../domain/keyset.js';
import { MUTATION_LIMIT_MS } from './claim.js';
import type { Custody, KeysetParts } from './keyset-parts.js';
import { SEALED } from './load-keys.js';

const PREFIX = 'loose-keys/';
const FORMAT = 1;
/** A mutation that began this long ago cannot bring its key into the ring any more. */
const SETTLED_MS = 2 * MUTATION_LIMIT_MS;
/** Services list a new key after a while; one that nobody can find after this long was never made. */
const LISTED_AFTER_MS = 30 * 60_000;
const RELEASE_LIMIT_MS = 30_000;

/** A key that belongs to no keyset, or soon will not; or that may have been made. */
export interface LooseKey extends Custody {
  /** What its service calls it, once that is known. */
  readonly keyReference?: string;
  /** Milliseconds since the epoch. */
  readonly since: number;
}

interface LooseKeyRecord extends LooseKey {
  readonly format: typeof FORMAT;
}

type Needs = Pick<KeysetParts, 'store' | 'keyManagers' | 'clock' | 'logger'>;

/**
 * Remembers in the store which outside keys have to be let go of: written before a key is made and before a keyset is removed,
 * forgotten when the key is in the ring or released. So no crash leaves a key that nobody knows of.
 */
export class LooseKeys {
  readonly #parts: Needs;

  constructor(parts: Needs) {
    this.#parts = parts;
  }

  /** Keys in our own store are found there without a note. */
  async note(id: string, { custody, custodySettings }: Custody, keyReference?: string): Promise<LooseKey> {
    const { store, clock } = this.#parts;
    const loose: LooseKey = {
      custody,
      ...(custodySettings && { custodySettings }),
      ...(keyReference !== undefined && { keyReference }),
      since: clock.now(),
    };
    if (custody === SEALED) return loose;
    const present = await store.read(PREFIX + id);
    const record: LooseKeyRecord = { format: FORMAT, ...loose };
    await store.write(PREFIX + id, record, present?.version);
    return loose;
  }

  async forget(id: string): Promise<void> {
    const { store } = this.#parts;
    const present = await store.read(PREFIX + id);
    if (present === undefined) return;
    try {
      await store.remove(PREFIX + id, present.version);
    } catch (error) {
      // Somebody else had it in hand at the same time.
      if (!hasCode(error, 'VERSION_MISMATCH')) throw error;
    }
  }

  /** Of which keys there are notes. */
  async ids(): Promise<readonly string[]> {
    return (await this.#parts.store.list(PREFIX)).map((name) => name.slice(PREFIX.length));
  }

  /** Lets go of what is not in `ring`. `alone`: nobody is at work, so that also what was noted just now is left over. */
  async sweep(ring: Ring, mode: 'alone' | 'settled', signal: AbortSignal): Promise<void> {
    const { store, logger, clock } = this.#parts;
    for (const name of await store.list(PREFIX)) {
      const id = name.slice(PREFIX.length);
      const stored = await store.read(name);
      if (stored === undefined) continue;
      const loose = parse(name, stored.value);
      if (ring.keysets.some((keyset) => keyset.id === id)) {
        if (mode === 'alone' || clock.now() - loose.since > SETTLED_MS) await this.forget(id);
        continue;
      }
      if (mode === 'settled' && clock.now() - loose.since <= SETTLED_MS) continue;
      try {
        await this.release(id, loose, signal);
      } catch (error) {
        if (signal.aborted || !(error instanceof SpirlError)) throw error;
        logger.warn('A key that belongs to no key set could not be released; it is tried again', {
          keysetId: id,
          custody: loose.custody,
          error: error.message,
        });
      }
    }
  }

  /** Releases the key, and forgets it once it is sure that there is none any more. */
  async release(id: string, loose: LooseKey, signal: AbortSignal): Promise<void> {
    const { keyManagers, clock, logger } = this.#parts;
    const { custody, keyReference, since } = loose;
    const manager = await keyManagers.holder(loose);
    if (canRelease(manager)) {
      const release = (inTime: AbortSignal): Promise<void> => manager.releaseKey(id, inTime, keyReference);
      await withDeadline(release, RELEASE_LIMIT_MS, `releasing key ${id} takes too long`, clock, signal);
    } else {
      logger.warn('A key that belongs to no key set stays in its key manager', { keysetId: id, custody });
    }
    if (custody === SEALED) return;
    if (keyReference !== undefined || clock.now() - since > LISTED_AFTER_MS) await this.forget(id);
  }
}

function parse(name: string, value: unknown): LooseKey {
  const loose = (value ?? {}) as Partial<LooseKeyRecord>;
  if (loose.format === FORMAT && typeof loose.custody === 'string' && typeof loose.since === 'number') {
    return loose as LooseKeyRecord;
  }
  throw new SpirlError(
    'STORE_CORRUPT',
    `record ${JSON.stringify(name)} cannot be used: this server knows format ${FORMAT}`,
  );
}
