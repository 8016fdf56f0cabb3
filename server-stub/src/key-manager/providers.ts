import { SpirlError } from 'spirl-agent/runtime/errors.js';
import type { KeyManager } from '../domain/key-manager.js';
import { createSealedKeyManager, type SealedKeyManagerParts } from './sealed-key-manager.js';

/** Every key manager of this version. */
export const KEY_MANAGERS = { sealed: createSealedKeyManager } as const;

/** Key managers that operators know by name and that this version does not have. */
const NOT_YET = ['awsKMS', 'azureKeyVault', 'gcpCloudKMS', 'pkcs11', 'webhook'];

/** Throws INVALID_CONFIG unless `name` is a key manager of this version. */
export function checkKeyManager(name: string): asserts name is keyof typeof KEY_MANAGERS {
  if (Object.hasOwn(KEY_MANAGERS, name)) return;
  throw new SpirlError(
    'INVALID_CONFIG',
    NOT_YET.includes(name)
      ? `key manager ${name} is not available in this version`
      : `unknown key manager ${JSON.stringify(name)}; known: ${Object.keys(KEY_MANAGERS).join(', ')}`,
  );
}

/** The key manager called `name` in the configuration. */
export function createKeyManager(name: string, parts: SealedKeyManagerParts): KeyManager {
  checkKeyManager(name);
  return KEY_MANAGERS[name](parts);
}
