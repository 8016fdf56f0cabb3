import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { memorySigningKey } from '../../../server-stub/src/key-manager/memory-key.js';
import type { KeyType, SigningKey } from '../../../server-stub/src/domain/signing-key.js';

const HASH = { 'EC-P256': 'sha256', 'EC-P384': 'sha384', 'RSA-2048': 'sha256' } as const;

function pairOf(type: KeyType): { publicKey: KeyObject; privateKey: KeyObject } {
  if (type === 'RSA-2048') return generateKeyPairSync('rsa', { modulusLength: 2048 });
  return generateKeyPairSync('ec', { namedCurve: type === 'EC-P256' ? 'P-256' : 'P-384' });
}

/** A key in memory. */
export function localKey(
  type: KeyType = 'EC-P256',
  id = `key-${type}`,
): SigningKey & { signSync: (data: Uint8Array) => Uint8Array } {
  const { publicKey, privateKey } = pairOf(type);
  const signSync = (data: Uint8Array): Uint8Array =>
    sign(HASH[type], data, { key: privateKey, dsaEncoding: 'ieee-p1363' });
  const publicKeySpki = publicKey.export({ format: 'der', type: 'spki' });
  return { id, type, publicKeySpki, signSync, sign: (data) => Promise.resolve(signSync(data)) };
}

/** A key in memory as the sealed key manager has it: one that threads can share. */
export function sharedKey(type: KeyType = 'EC-P256'): SigningKey {
  return memorySigningKey(`key-${type}`, type, pairOf(type).privateKey);
}

/** The same key as one behind a service: no synchronous door. `spoil` changes what the service answers. */
export function remoteKey(type: KeyType = 'EC-P256', spoil = (signature: Uint8Array) => signature): SigningKey {
  const key = localKey(type);
  return {
    id: key.id,
    type,
    publicKeySpki: key.publicKeySpki,
    sign: async (data, signal) => {
      await new Promise((resolve) => setImmediate(resolve));
      signal.throwIfAborted();
      return spoil(key.signSync(data));
    },
  };
}

export const forever = new AbortController().signal;
export const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');
