import { SpirlError } from 'spirl-agent/runtime/errors.js';
import type { KeyType, SigningKey } from './signing-key.js';

/**
 * Where signing keys are made and held. Ids are keyset ids: a keyset signs X.509- and JWT-SVIDs with one key pair.
 * Failures: KEY_SERVICE_UNAVAILABLE (may pass by itself; `KeyServiceThrottled` when the service asked for less),
 * KEY_SERVICE_REFUSED (will not), STORE_CORRUPT, STORE_FAILED, INVALID_CONFIG.
 */
export interface KeyManager {
  /** Its name in configuration and in the ring: `sealed`, `awsKMS`, … */
  readonly custody: string;
  /**
   * Makes a key that is found again by `listKeys` after a restart. Throws ALREADY_EXISTS for an id that has a key. After
   * KeyServiceThrottled it may be asked again; after another failure the key may be there.
   */
  createKey(id: string, type: KeyType, signal: AbortSignal): Promise<SigningKey>;
  /** The keys of this deployment, and of no other. */
  listKeys(signal: AbortSignal): Promise<readonly SigningKey[]>;
}

/** Some services can also let a key go; the others keep it until an operator acts. Letting go of an unknown id is no error. */
export interface ReleasesKeys {
  /** `reference`: of the key, where it is known. */
  releaseKey(id: string, signal: AbortSignal, reference?: string): Promise<void>;
}

/** Some services list a key only a while after it was made; there it is found by what its maker was told. */
export interface FindsKeys {
  /** The key of a `SigningKey.reference`; undefined when there is none, or none that can be used. */
  findKey(id: string, reference: string, signal: AbortSignal): Promise<SigningKey | undefined>;
}

/** Where keys lie in our own store, their records can be compared with what was loaded, without opening them. */
export interface ChecksKeys {
  /** Throws STORE_CORRUPT naming the record of the first of `ids` that is missing or is not what was loaded or written. */
  checkKeys(ids: readonly string[]): Promise<void>;
}

/** Some hold sessions, threads or connections. */
export interface ClosesSessions {
  /** Ends them. Nothing is asked of it any more. */
  close(): Promise<void>;
}

export const canRelease = (manager: KeyManager): manager is KeyManager & ReleasesKeys => 'releaseKey' in manager;
export const canFind = (manager: KeyManager): manager is KeyManager & FindsKeys => 'findKey' in manager;
export const canClose = (manager: KeyManager): manager is KeyManager & ClosesSessions => 'close' in manager;
export const canCheck = (manager: KeyManager): manager is KeyManager & ChecksKeys => 'checkKeys' in manager;

/** The service is there and asks for fewer calls: slow down and ask again. */
export class KeyServiceThrottled extends SpirlError {
  /** As the service wished, milliseconds. */
  readonly retryAfterMs: number | undefined;
  constructor(message: string, options?: ErrorOptions & { readonly retryAfterMs?: number | undefined }) {
    super('KEY_SERVICE_UNAVAILABLE', message, options);
    this.name = 'KeyServiceThrottled';
    this.retryAfterMs = options?.retryAfterMs;
  }
}

/** The service says that it signed with another key than the one asked for: an alarm. */
export class SignedWithAnotherKey extends SpirlError {
  constructor(message: string) {
    super('KEY_SERVICE_UNAVAILABLE', message);
    this.name = 'SignedWithAnotherKey';
  }
}
