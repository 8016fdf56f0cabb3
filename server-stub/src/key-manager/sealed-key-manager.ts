import { createHash, createPrivateKey, type KeyObject } from 'node:crypto';
import { canonicalJson } from 'spirl-agent/runtime/canonical-json.js';
import { SpirlError, hasCode } from 'spirl-agent/runtime/errors.js';
import type { ChecksKeys, KeyManager, ReleasesKeys } from '../domain/key-manager.js';
import type { RecordStore, SealedRecord, SealedRecords, Sealer } from '../domain/record-store.js';
import type { KeyType, SigningKey } from '../domain/signing-key.js';
import { generatePrivateKey, memorySigningKey } from './memory-key.js';

const CUSTODY = 'sealed';
const FORMAT = 1;
const PREFIX = 'keysets/';

export interface SealedKeyManagerParts {
  readonly store: RecordStore;
  readonly sealer: Sealer;
}

/** Keys are made and used in this process's memory; the store holds them sealed, one record `keysets/<id>` each (PKCS#8). */
export function createSealedKeyManager(
  parts: SealedKeyManagerParts,
): KeyManager & ReleasesKeys & ChecksKeys & SealedRecords {
  return new SealedKeyManager(parts);
}

interface KeyRecord {
  readonly format: typeof FORMAT;
  readonly custody: typeof CUSTODY;
  readonly type: KeyType;
  readonly privateKey: SealedRecord;
}

interface Known {
  /** Of the whole record. */
  readonly digest: string;
  readonly publicKeySpki: Uint8Array;
}

class SealedKeyManager implements KeyManager, ReleasesKeys, ChecksKeys, SealedRecords {
  readonly custody = CUSTODY;
  readonly #store: RecordStore;
  readonly #sealer: Sealer;
  /** Each key as it was loaded or written, by id. */
  readonly #known = new Map<string, Known>();

  constructor({ store, sealer }: SealedKeyManagerParts) {
    this.#store = store;
    this.#sealer = sealer;
  }

  async createKey(id: string, type: KeyType, signal: AbortSignal): Promise<SigningKey> {
    const privateKey = await generatePrivateKey(type);
    signal.throwIfAborted();
    const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'der' });
    let sealed: SealedRecord;
    try {
      sealed = await this.#sealer.seal(pkcs8, contextOf(id, type), signal);
    } finally {
      pkcs8.fill(0);
    }
    signal.throwIfAborted();
    const record: KeyRecord = { format: FORMAT, custody: CUSTODY, type, privateKey: sealed };
    try {
      await this.#store.write(PREFIX + id, record, undefined);
    } catch (error) {
      if (hasCode(error, 'VERSION_MISMATCH')) throw new SpirlError('ALREADY_EXISTS', `key ${id} exists`);
      throw error;
    }
    return this.#remember(record, memorySigningKey(id, type, privateKey));
  }

  async listKeys(signal: AbortSignal): Promise<readonly SigningKey[]> {
    const keys: SigningKey[] = [];
    for (const name of await this.#store.list(PREFIX)) {
      const stored = await this.#store.read(name);
      if (stored !== undefined) keys.push(await this.#open(name.slice(PREFIX.length), stored.value, signal));
    }
    return keys;
  }

  async releaseKey(id: string): Promise<void> {
    const stored = await this.#store.read(PREFIX + id);
    if (stored !== undefined) await this.#store.remove(PREFIX + id, stored.version);
    this.#known.delete(id);
  }

  async checkKeys(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      const stored = await this.#store.read(PREFIX + id);
      if (stored === undefined) throw unusable(id, 'it is missing');
      if (digestOf(stored.value) !== this.#known.get(id)?.digest) await this.#adopt(id, stored.value);
    }
  }

  sealedRecords(): Promise<readonly string[]> {
    return this.#store.list(PREFIX);
  }

  async reseal(name: string, signal: AbortSignal): Promise<boolean> {
    const id = name.slice(PREFIX.length);
    const stored = await this.#store.read(name);
    // A keyset may have been removed since its record was listed.
    if (stored === undefined) return false;
    const record = parse(id, stored.value);
    const privateKey = await this.#sealer.reseal(record.privateKey, contextOf(id, record.type), signal);
    if (privateKey === undefined) return false;
    const resealed: KeyRecord = { ...record, privateKey };
    try {
      await this.#store.write(name, resealed, stored.version);
    } finally {
      // A write that failed may yet have been made; either record is ours.
      const now = await this.#store.read(name).catch(() => undefined);
      const [digest, known] = [digestOf(resealed), this.#known.get(id)];
      if (known !== undefined && now !== undefined && digestOf(now.value) === digest) {
        this.#known.set(id, { ...known, digest });
      }
    }
    return true;
  }

  /** The same key sealed anew, by another replica, is taken over; anything else is somebody else's work. */
  async #adopt(id: string, value: unknown): Promise<void> {
    const known = this.#known.get(id);
    const changed = (cause?: unknown) => unusable(id, 'it is not what this server wrote or loaded', cause);
    if (known === undefined) throw changed();
    const key = await this.#open(id, value, new AbortController().signal).catch((error: unknown) => {
      throw hasCode(error, 'KEY_SERVICE_UNAVAILABLE') ? error : changed(error);
    });
    if (Buffer.from(key.publicKeySpki).equals(known.publicKeySpki)) return;
    this.#known.set(id, known);
    throw changed();
  }

  #remember(record: unknown, key: SigningKey): SigningKey {
    this.#known.set(key.id, { digest: digestOf(record), publicKeySpki: key.publicKeySpki });
    return key;
  }

  async #open(id: string, value: unknown, signal: AbortSignal): Promise<SigningKey> {
    const { type, privateKey: sealed } = parse(id, value);
    const pkcs8 = await this.#sealer.open(sealed, contextOf(id, type), signal);
    let privateKey: KeyObject;
    try {
      privateKey = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
    } catch (cause) {
      throw unusable(id, 'it does not hold a private key', cause);
    } finally {
      pkcs8.fill(0);
    }
    return this.#remember(value, memorySigningKey(id, type, privateKey));
  }
}

/** Authenticated with the key, so that a record cannot stand for another keyset or type. */
function contextOf(id: string, type: KeyType): Record<string, string> {
  return { record: PREFIX + id, keysetId: id, keyType: type, recordFormat: String(FORMAT) };
}

const TYPES: readonly unknown[] = ['EC-P256', 'EC-P384', 'RSA-2048'] satisfies KeyType[];

function parse(id: string, value: unknown): KeyRecord {
  const record = (typeof value === 'object' && value !== null ? value : {}) as Partial<
    Record<keyof KeyRecord, unknown>
  >;
  if (record.format !== FORMAT) {
    throw unusable(id, `it has format version ${shown(record.format)}, this server knows ${FORMAT}`);
  }
  if (record.custody !== CUSTODY) {
    throw new SpirlError(
      'INVALID_CONFIG',
      `record "${PREFIX}${id}" is held by key manager ${shown(record.custody)}, but "${CUSTODY}" is configured`,
    );
  }
  if (!TYPES.includes(record.type) || typeof record.privateKey !== 'object' || record.privateKey === null) {
    throw unusable(id, 'it is incomplete');
  }
  return value as KeyRecord;
}

function digestOf(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}

function unusable(id: string, why: string, cause?: unknown): SpirlError {
  return new SpirlError('STORE_CORRUPT', `record "${PREFIX}${id}" cannot be used: ${why}`, { cause });
}

/** A field of unknown type as a person reads it; `none` when it is absent. */
const shown = (field: unknown): string => (field === undefined ? 'none' : JSON.stringify(field));
