import type { Ring } from '../domain/keyset.js';
import type { RecordStore } from '../domain/record-store.js';
import type { KeysetParts } from './keyset-parts.js';
import { SEALED } from './load-keys.js';
import { unusable } from './ring-record.js';

/** Records that are first written after the ring. */
const LATER = ['keysets/', 'loose-keys/', 'clusters/', 'agents/'];
/** Names in a sentence. */
const MOST_NAMES = 5;

/** Throws STORE_CORRUPT when the ring that is missing must have been there: it is written before the first of these records. */
export async function requireNeverThere(store: RecordStore): Promise<void> {
  for (const prefix of LATER) {
    const [name] = await store.list(prefix);
    if (name !== undefined) throw unusable(`it is missing, but record ${JSON.stringify(name)} exists`);
  }
}

/**
 * Throws STORE_CORRUPT when the first keyset is about to be made although the key manager for it holds keys of this deployment that
 * nobody here knows of: the ring was lost, or this is not the store of the deployment. They may be in use elsewhere and are left alone.
 * `explained`: ids of keys that a first attempt may have left.
 */
export async function requireNoKeysYet(
  ring: Ring,
  { keyManagers }: Pick<KeysetParts, 'keyManagers'>,
  explained: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  if (ring.keysets.length > 0 || ring.tombstones.length > 0) return;
  const { custody, manager } = await keyManagers.next();
  if (custody === SEALED) return;
  const ids = (await manager.listKeys(signal)).map(({ id }) => id).filter((id) => !explained.includes(id));
  if (ids.length === 0) return;
  const named = ids.slice(0, MOST_NAMES).join(', ') + (ids.length > MOST_NAMES ? ', …' : '');
  throw unusable(
    `it holds no key set, but key manager "${custody}" holds keys of this deployment (${named}): ` +
      'restore the records, or delete these keys there if no server uses them and the deployment is to begin anew',
  );
}
