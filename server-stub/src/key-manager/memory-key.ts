import {
  createPrivateKey,
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

const publicKeyEncoding = { type: 'spki', format: 'der' } as const;
const privateKeyEncoding = { type: 'pkcs8', format: 'der' } as const;

/**
 * A new private key in this process's memory. It is read from its encoding: a key object that comes from the generator shares a lock
 * with it, and Node 20 stands still when the generator is collected as garbage while that key is being exported.
 */
export async function generatePrivateKey(type: KeyType): Promise<KeyObject> {
  const { privateKey } = await makeEncoded(type);
  try {
    return createPrivateKey({ key: privateKey, type: 'pkcs8', format: 'der' });
  } finally {
    privateKey.fill(0);
  }
}

function makeEncoded(type: KeyType): Promise<{ privateKey: Buffer }> {
  switch (type) {
    case 'EC-P256':
      return makePair('ec', { namedCurve: 'P-256', publicKeyEncoding, privateKeyEncoding });
    case 'EC-P384':
      return makePair('ec', { namedCurve: 'P-384', publicKeyEncoding, privateKeyEncoding });
    case 'RSA-2048':
      return makePair('rsa', { modulusLength: 2048, publicKeyEncoding, privateKeyEncoding });
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
