import { SpirlError } from 'spirl-agent/runtime/errors.js';
import type { Keyset } from '../domain/keyset.js';
import { keyTypeOf, type SigningKey } from '../domain/signing-key.js';

/** A keyset's key of which only the record is known: `find` looks for it at each signature until it is there. */
export function lateKey(keyset: Keyset, find: (signal: AbortSignal) => Promise<SigningKey>): SigningKey {
  const { id, jwtPublicSpki, keyReference } = keyset;
  const type = keyTypeOf(jwtPublicSpki);
  if (type === undefined) throw new SpirlError('STORE_CORRUPT', `key set ${id} has a key of an unknown type`);
  let found: SigningKey | undefined;
  return {
    id,
    type,
    publicKeySpki: jwtPublicSpki,
    ...(keyReference !== undefined && { reference: keyReference }),
    sign: async (data, signal) => {
      found ??= await find(signal);
      return found.sign(data, signal);
    },
    signedWrongly: () => found?.signedWrongly?.(),
  };
}
