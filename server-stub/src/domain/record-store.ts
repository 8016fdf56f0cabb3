/** A stored document and the version that a compare-and-swap names. */
export interface StoredRecord {
  /** A JSON value; what is secret in it is sealed. */
  readonly value: unknown;
  readonly version: string;
}

/**
 * Small named documents with compare-and-swap. Names are words separated by `/` (`ring`, `keysets/ks_abc…`, `clusters/c-…`).
 * A write is durable when the promise resolves; a failed one (STORE_FAILED) has changed nothing.
 */
export interface RecordStore {
  read(name: string): Promise<StoredRecord | undefined>;
  /** `expected` undefined: the record must not exist. Throws VERSION_MISMATCH, STORE_FAILED. Returns the new version. */
  write(name: string, value: unknown, expected: string | undefined): Promise<string>;
  /** Throws VERSION_MISMATCH, STORE_FAILED. */
  remove(name: string, expected: string): Promise<void>;
  /** Names that begin with `prefix`, sorted. */
  list(prefix: string): Promise<readonly string[]>;
}

/** Seals bytes under the key-encrypting key: AES-256-GCM with a fresh data key per call; `context` is authenticated with it. */
export interface Sealer {
  seal(plaintext: Uint8Array, context: Readonly<Record<string, string>>, signal: AbortSignal): Promise<SealedRecord>;
  /** Throws STORE_CORRUPT (wrong context, changed bytes) or INVALID_CONFIG (sealed by another wrapper or another KEK; both named). */
  open(sealed: SealedRecord, context: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Buffer>;
}

/** JSON-safe form of something sealed. */
export interface SealedRecord {
  readonly format: 1;
  /** `local`, `awsKMS`, `azureManagedHSM`. */
  readonly wrapper: string;
  /** Which key-encrypting key, for example its fingerprint or ARN. */
  readonly kek: string;
  /** Base64. */
  readonly wrappedDek: string;
  readonly nonce: string;
  readonly ciphertext: string;
}
