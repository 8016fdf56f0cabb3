import { KEYSET_ID_PATTERN } from 'spirl-agent/domain/keyset-state.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { randomId } from 'spirl-agent/runtime/random-id.js';
import type { Ring } from '../domain/keyset.js';

/** Throws INVALID_REQUEST unless `id` has the form of a keyset id. */
export function checkKeysetId(id: string): void {
  if (KEYSET_ID_PATTERN.test(id)) return;
  const shown = JSON.stringify(id.slice(0, 100));
  throw new SpirlError('INVALID_REQUEST', `malformed key set id ${shown}: it must match ${KEYSET_ID_PATTERN.source}`);
}

/** A random id that no keyset of this ring has or had. */
export function newKeysetId(ring: Ring, random = () => randomId('ks_', 10)): string {
  const used = new Set([...ring.keysets, ...ring.tombstones].map(({ id }) => id));
  for (;;) {
    const id = random();
    if (!used.has(id)) return id;
  }
}
