import {
  createPublicKey,
  generateKeyPair,
  sign as signMessage,
  type KeyObject,
  type SignKeyObjectInput,
} from 'node:crypto';
import { promisify } from 'node:util';
import { orAbort } from 'spirl-agent/runtime/task-group.js';
import type { KeyType, SigningKey } from '../domain/signing-key.js';

const makePair = promisify(generateKeyPair);

const HASH = { 'EC-P256': 'sha256', 'EC-P384': 'sha384', 'RSA-2048': 'sha256' } as const satisfies Record<
  KeyType,
  string
>;

/** A new private key in this process's memory. */
export async function generatePrivateKey(type: KeyType): Promise<KeyObject> {
  switch (type) {
    case 'EC-P256':
      return (await makePair('ec', { namedCurve: 'P-256' })).privateKey;
    case 'EC-P384':
      return (await makePair('ec', { namedCurve: 'P-384' })).privateKey;
    case 'RSA-2048':
      return (await makePair('rsa', { modulusLength: 2048 })).privateKey;
  }
}

/** A private key in memory as a signing key; `sign` works in the thread pool. */
export function memorySigningKey(id: string, type: KeyType, privateKey: KeyObject): SigningKey {
  const hash = HASH[type];
  const key: SignKeyObjectInput = { key: privateKey, dsaEncoding: 'ieee-p1363' };
  return {
    id,
    type,
    publicKeySpki: createPublicKey(privateKey).export({ type: 'spki', format: 'der' }),
    sign: (data, signal) =>
      orAbort(
        new Promise<Buffer>((resolve, reject) => {
          signMessage(hash, data, key, (error, signature) => (error === null ? resolve(signature) : reject(error)));
        }),
        signal,
      ),
    signSync: (data) => signMessage(hash, data, key),
    inMemory: privateKey,
  };
}
