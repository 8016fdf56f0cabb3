import { canonicalJson } from 'spirl-agent/runtime/canonical-json.js';
import { SpirlError, hasCode } from 'spirl-agent/runtime/errors.js';
import { canCheck, canFind, type KeyManager } from '../domain/key-manager.js';
import type { Keyset, KeysetKeys, Ring } from '../domain/keyset.js';
import type { SigningKey } from '../domain/signing-key.js';
import { certifies } from './create-keyset.js';
import type { Custody, KeysetParts } from './keyset-parts.js';
import { lateKey } from './late-key.js';

/** Keys in our own store, sealed. */
export const SEALED = 'sealed';

export interface LoadedKeys {
  /** By keyset id, complete. */
  readonly keys: ReadonlyMap<string, KeysetKeys>;
  /** Keys that belong to no keyset of the ring, and who holds them. */
  readonly strangers: readonly { readonly id: string; readonly manager: KeyManager }[];
}

type Needs = Pick<KeysetParts, 'keyManagers' | 'logger'>;

/**
 * The usable keys of every keyset in the ring, except those that are known. The ACTIVE keyset has to be able to sign, or this throws
 * KEY_SERVICE_UNAVAILABLE, KEY_SERVICE_REFUSED, STORE_CORRUPT or INVALID_CONFIG; another keyset's service may be away: its
 * key is then looked for when it is to sign.
 */
export async function loadKeys(
  ring: Ring,
  parts: Needs,
  signal: AbortSignal,
  known: ReadonlyMap<string, KeysetKeys> = new Map(),
): Promise<LoadedKeys> {
  const keys = new Map<string, KeysetKeys>();
  const strangers: { id: string; manager: KeyManager }[] = [];
  const living = new Set(ring.keysets.map(({ id }) => id));
  for (const group of byCustody(ring.keysets, known)) {
    const loaded = await loadGroup(group, parts, signal);
    for (const [id, key] of loaded.keys) keys.set(id, { x509: key, jwt: key });
    strangers.push(...loaded.strangers.filter(({ id }) => !living.has(id)));
  }
  for (const { id } of ring.keysets) {
    const key = known.get(id);
    if (key !== undefined) keys.set(id, key);
  }
  return { keys, strangers };
}

/** Throws STORE_CORRUPT when a record of a key in our own store is not what it was. */
export async function checkStoredKeys({ keysets }: Ring, { keyManagers }: Pick<Needs, 'keyManagers'>): Promise<void> {
  const sealed = keysets.filter(({ custody }) => custody === SEALED).map(({ id }) => id);
  const manager = await keyManagers.holder({ custody: SEALED });
  if (canCheck(manager)) await manager.checkKeys(sealed);
}

/** Keysets of one custody together, so that its manager is asked once. The store's own is always asked: it may hold strangers. */
function byCustody(
  keysets: readonly Keyset[],
  known: ReadonlyMap<string, KeysetKeys>,
): readonly { readonly custody: Custody; readonly keysets: readonly Keyset[] }[] {
  const groups = new Map<string, { custody: Custody; keysets: Keyset[] }>();
  if (known.size === 0) groups.set(groupOf({ custody: SEALED }), { custody: { custody: SEALED }, keysets: [] });
  for (const keyset of keysets) {
    if (known.has(keyset.id)) continue;
    const group = groups.get(groupOf(keyset)) ?? { custody: keyset, keysets: [] };
    group.keysets.push(keyset);
    groups.set(groupOf(keyset), group);
  }
  return [...groups.values()];
}

const groupOf = ({ custody, custodySettings = {} }: Custody): string => `${custody} ${canonicalJson(custodySettings)}`;

async function loadGroup(
  { custody, keysets }: ReturnType<typeof byCustody>[number],
  parts: Needs,
  signal: AbortSignal,
): Promise<{ keys: Map<string, SigningKey>; strangers: { id: string; manager: KeyManager }[] }> {
  const keys = new Map<string, SigningKey>();
  const strict = custody.custody === SEALED || keysets.some(({ state }) => state === 'ACTIVE');
  try {
    const manager = await parts.keyManagers.holder(custody);
    const found = new Map((await manager.listKeys(signal)).map((key) => [key.id, key]));
    for (const keyset of keysets)
      keys.set(keyset.id, await keyOrLate(keyset, manager, found.get(keyset.id), parts, signal));
    return { keys, strangers: [...found.keys()].map((id) => ({ id, manager })) };
  } catch (error) {
    if (strict || signal.aborted || !(error instanceof SpirlError)) throw error;
    for (const keyset of keysets) keys.set(keyset.id, putOff(keyset, error, parts));
    return { keys, strangers: [] };
  }
}

/** One keyset whose key is lost does not keep the others from signing. */
async function keyOrLate(
  keyset: Keyset,
  manager: KeyManager,
  listed: SigningKey | undefined,
  parts: Needs,
  signal: AbortSignal,
): Promise<SigningKey> {
  try {
    return await keyOf(keyset, manager, listed, signal);
  } catch (error) {
    const lost = keyset.custody !== SEALED && keyset.state !== 'ACTIVE' && hasCode(error, 'KEY_SERVICE_REFUSED');
    if (!lost) throw error;
    return putOff(keyset, error, parts);
  }
}

function putOff(keyset: Keyset, error: SpirlError, { keyManagers, logger }: Needs): SigningKey {
  const { id, state, custody } = keyset;
  logger.warn('The key of a key set that does not sign now cannot be reached; it is looked for when it is to sign', {
    keysetId: id,
    state,
    custody,
    error: error.message,
  });
  return lateKey(keyset, async (signal) => {
    const manager = await keyManagers.holder(keyset);
    const found = canFind(manager) ? undefined : (await manager.listKeys(signal)).find((key) => key.id === id);
    return keyOf(keyset, manager, found, signal);
  });
}

/** The key that the record means: by its reference where the service's list does not have it (yet). */
async function keyOf(
  { id, custody, keyReference, caCertificate, jwtPublicSpki }: Keyset,
  manager: KeyManager,
  listed: SigningKey | undefined,
  signal: AbortSignal,
): Promise<SigningKey> {
  const code = custody === SEALED ? 'STORE_CORRUPT' : 'KEY_SERVICE_REFUSED';
  const exact = keyReference === undefined || listed?.reference === keyReference;
  const key = exact || !canFind(manager) ? listed : await manager.findKey(id, keyReference, signal);
  if (key === undefined) {
    const named = keyReference === undefined ? '' : ` (${keyReference})`;
    throw new SpirlError(code, `key manager "${custody}" has no key for key set ${id}${named}`);
  }
  if (Buffer.from(key.publicKeySpki).equals(jwtPublicSpki) && certifies(caCertificate, key.publicKeySpki)) return key;
  throw new SpirlError(code, `key manager "${custody}" has another key for key set ${id} than its certificate`);
}
