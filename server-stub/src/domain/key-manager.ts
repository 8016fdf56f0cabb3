import type { KeyType, SigningKey } from './signing-key.js';

/**
 * Where signing keys are made and held. Ids are keyset ids: a keyset signs X.509- and JWT-SVIDs with one key pair.
 * Failures: KEY_SERVICE_UNAVAILABLE (may pass by itself), STORE_CORRUPT, STORE_FAILED, INVALID_CONFIG.
 */
export interface KeyManager {
  /** Its name in configuration and in the ring: `sealed`, `awsKMS`, … */
  readonly custody: string;
  /** Makes a key that is found again by `listKeys` after a restart. Throws ALREADY_EXISTS for an id that has a key. */
  createKey(id: string, type: KeyType, signal: AbortSignal): Promise<SigningKey>;
  listKeys(signal: AbortSignal): Promise<readonly SigningKey[]>;
}

/** Some services can also let a key go; the others keep it until an operator acts. Letting go of an unknown id is no error. */
export interface ReleasesKeys {
  releaseKey(id: string, signal: AbortSignal): Promise<void>;
}

/** Where keys lie in our own store, their records can be compared with what was loaded, without opening them. */
export interface ChecksKeys {
  /** Throws STORE_CORRUPT naming the record of the first of `ids` that is missing or is not what was loaded or written. */
  checkKeys(ids: readonly string[]): Promise<void>;
}

export const canRelease = (manager: KeyManager): manager is KeyManager & ReleasesKeys => 'releaseKey' in manager;
export const canCheck = (manager: KeyManager): manager is KeyManager & ChecksKeys => 'checkKeys' in manager;
