import type { KeyType } from '../../domain/signing-key.js';

/** A key as the service describes it. */
export interface ServiceKey {
  readonly keyId: string;
  readonly type: KeyType;
  /** DER. */
  readonly publicKeySpki: Uint8Array;
  /** `sha256:<hex>`, as the service names this key when it signs. */
  readonly fingerprint: string;
}

export interface ServiceSignature {
  /** As the service encodes it. */
  readonly signature: Uint8Array;
  readonly keyFingerprint: string;
}

/**
 * The calls of the Key Manager Extension. Failures: KEY_SERVICE_UNAVAILABLE, KeyServiceThrottled, KEY_SERVICE_REFUSED,
 * INVALID_CONFIG; the reason of `signal`.
 */
export interface KeyService {
  /** For people: where it is. */
  readonly title: string;
  /** Throws ALREADY_EXISTS for an id that has a key. */
  createKey(keyId: string, type: KeyType, signal: AbortSignal): Promise<ServiceKey>;
  /** Every key whose id begins with `prefix`. */
  listKeys(prefix: string, signal: AbortSignal): Promise<readonly ServiceKey[]>;
  sign(keyId: string, digest: Uint8Array, hash: HashName, signal: AbortSignal): Promise<ServiceSignature>;
  /** Says that the key is not needed any more; the service may keep it for a while. An unknown key is no error. */
  release(keyId: string, signal: AbortSignal): Promise<void>;
  /** Lets go of the connections that are kept. */
  close(): Promise<void>;
}

export type HashName = 'SHA-256' | 'SHA-384';
