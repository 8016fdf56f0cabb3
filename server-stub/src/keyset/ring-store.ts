import { createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import { canonicalJson } from 'spirl-agent/runtime/canonical-json.js';
import { SpirlError, hasCode } from 'spirl-agent/runtime/errors.js';
import type { Ring } from '../domain/keyset.js';
import type { RecordStore, SealedRecord, SealedRecords, Sealer } from '../domain/record-store.js';
import { concurrentMutation } from './concurrent-mutation.js';
import { emptyRing, sequenceOf } from './key-ring.js';
import { requireNeverThere } from './lost-ring.js';
import { decodeRing, encodeRing, parseRingRecord, unusable } from './ring-record.js';

const RECORD = 'ring';
const CONTEXT = { record: RECORD, purpose: 'mac', recordFormat: '1' };

export interface RingStoreParts {
  readonly store: RecordStore;
  readonly sealer: Sealer;
  readonly deploymentId: string;
}

/** A ring as it lies in the store; `version` is what a commit names. */
export interface StoredRing {
  readonly ring: Ring;
  readonly version: string;
}

/** The authenticated ring in the store. Its MAC key was unwrapped once, when this was opened. */
export class RingStore implements SealedRecords {
  readonly #store: RecordStore;
  readonly #sealer: Sealer;
  readonly #deploymentId: string;
  readonly #key: KeyObject;
  #sealedKey: SealedRecord;
  #seen: number;

  constructor({ store, sealer, deploymentId }: RingStoreParts, sealedKey: SealedRecord, key: KeyObject) {
    this.#store = store;
    this.#sealer = sealer;
    this.#deploymentId = deploymentId;
    this.#sealedKey = sealedKey;
    this.#key = key;
    this.#seen = -1;
  }

  /** The ring in the store. Throws STORE_CORRUPT when somebody else wrote it, or put back one that is older than seen before. */
  async load(): Promise<StoredRing> {
    // Taken before the read: a commit meanwhile must not make what was read look old.
    const seen = this.#seen;
    const stored = await this.#store.read(RECORD);
    if (stored === undefined) throw unusable('it is missing');
    const record = parseRingRecord(stored.value);
    if (canonicalJson(record.macKey) !== canonicalJson(this.#sealedKey)) await this.#adopt(record.macKey);
    const ring = decodeRing(record, this.#deploymentId, this.#key);
    if (sequenceOf(ring) < seen) throw unusable('it is older than one that was in force before');
    this.#seen = Math.max(this.#seen, sequenceOf(ring));
    return { ring, version: stored.version };
  }

  /** Replaces the ring of `version` (undefined: there is none). Throws CONCURRENT_MUTATION when it is no longer that one. */
  async commit(ring: Ring, version: string | undefined): Promise<void> {
    const record = encodeRing(ring, this.#deploymentId, this.#sealedKey, this.#key);
    try {
      await this.#store.write(RECORD, record, version);
    } catch (error) {
      throw hasCode(error, 'VERSION_MISMATCH') ? concurrentMutation(error) : error;
    }
    this.#seen = Math.max(this.#seen, sequenceOf(ring));
  }

  sealedRecords(): Promise<readonly string[]> {
    return Promise.resolve([RECORD]);
  }

  async reseal(_name: string, signal: AbortSignal): Promise<boolean> {
    const { ring, version } = await this.load();
    const resealed = await this.#sealer.reseal(this.#sealedKey, CONTEXT, signal);
    if (resealed === undefined) return false;
    const before = this.#sealedKey;
    this.#sealedKey = resealed;
    try {
      await this.commit(ring, version);
    } catch (error) {
      this.#sealedKey = before;
      throw error;
    }
    return true;
  }

  /** The same key sealed anew by another replica is taken over; any other key is a replaced one. */
  async #adopt(macKey: SealedRecord): Promise<void> {
    const opened = await this.#sealer.open(macKey, CONTEXT, new AbortController().signal).catch((error: unknown) => {
      throw hasCode(error, 'KEY_SERVICE_UNAVAILABLE') ? error : unusable('its sealed key was replaced', error);
    });
    if (!secretKey(opened).equals(this.#key)) throw unusable('its sealed key was replaced');
    this.#sealedKey = macKey;
  }
}

/** Opens the deployment's ring; the first time an empty one is made. Throws STORE_CORRUPT, INVALID_CONFIG, KEY_SERVICE_UNAVAILABLE. */
export async function openRingStore(parts: RingStoreParts, now: number, signal: AbortSignal): Promise<RingStore> {
  const { store, sealer } = parts;
  const stored = await store.read(RECORD);
  if (stored === undefined) return makeRing(parts, now, signal);
  const { macKey } = parseRingRecord(stored.value);
  return new RingStore(parts, macKey, secretKey(await sealer.open(macKey, CONTEXT, signal)));
}

/** The empty ring is written before the first key is made, so that anything later without a ring means that the ring was lost. */
async function makeRing(parts: RingStoreParts, now: number, signal: AbortSignal): Promise<RingStore> {
  await requireNeverThere(parts.store);
  const bytes = randomBytes(32);
  const sealed = await parts.sealer.seal(bytes, CONTEXT, signal);
  const ringStore = new RingStore(parts, sealed, secretKey(bytes));
  await ringStore.commit(emptyRing(now), undefined);
  return ringStore;
}

function secretKey(bytes: Buffer): KeyObject {
  if (bytes.length !== 32)
    throw new SpirlError('STORE_CORRUPT', 'record "ring" cannot be used: its sealed key is no key');
  const key = createSecretKey(bytes);
  bytes.fill(0);
  return key;
}
