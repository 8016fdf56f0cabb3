import { SpirlError } from 'spirl-agent/runtime/errors.js';
import type { KeyManager } from '../domain/key-manager.js';
import type { Keyset, KeysetKeys, Ring } from '../domain/keyset.js';
import type { SigningKey } from '../domain/signing-key.js';
import { certifies } from './create-keyset.js';

export interface LoadedKeys {
  /** By keyset id, complete. */
  readonly keys: ReadonlyMap<string, KeysetKeys>;
  /** Ids of keys that belong to no keyset of the ring. */
  readonly orphans: readonly string[];
}

/** The usable keys of every keyset in the ring. Throws STORE_CORRUPT, INVALID_CONFIG, KEY_SERVICE_UNAVAILABLE. */
export async function loadKeys(ring: Ring, manager: KeyManager, signal: AbortSignal): Promise<LoadedKeys> {
  for (const keyset of ring.keysets) checkCustody(keyset, manager);
  const found = new Map((await manager.listKeys(signal)).map((key) => [key.id, key]));
  const keys = new Map<string, KeysetKeys>();
  for (const keyset of ring.keysets) {
    const key = keyOf(keyset, found.get(keyset.id), manager);
    keys.set(keyset.id, { x509: key, jwt: key });
  }
  return { keys, orphans: [...found.keys()].filter((id) => !keys.has(id)) };
}

function checkCustody({ id, custody }: Keyset, manager: KeyManager): void {
  if (custody === manager.custody) return;
  throw new SpirlError(
    'INVALID_CONFIG',
    `the keys of key set ${id} are held by key manager "${custody}", but "${manager.custody}" is configured`,
  );
}

function keyOf(
  { id, caCertificate, jwtPublicSpki }: Keyset,
  key: SigningKey | undefined,
  manager: KeyManager,
): SigningKey {
  if (key === undefined) {
    throw new SpirlError('STORE_CORRUPT', `key manager "${manager.custody}" has no key for key set ${id}`);
  }
  if (Buffer.from(key.publicKeySpki).equals(jwtPublicSpki) && certifies(caCertificate, key.publicKeySpki)) return key;
  throw new SpirlError(
    'STORE_CORRUPT',
    `key manager "${manager.custody}" has another key for key set ${id} than its certificate`,
  );
}
