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
  /** The same secret under a fresh data key and the newest version of the KEK; undefined when it is under that one already. */
  reseal(
    sealed: SealedRecord,
    context: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<SealedRecord | undefined>;
}

/** A room that keeps sealed records of its own. */
export interface SealedRecords {
  /** Names of those that exist now. */
  sealedRecords(): Promise<readonly string[]>;
  /** Puts one of them under the newest version of the KEK, by compare-and-swap; false when nothing had to be done. */
  reseal(name: string, signal: AbortSignal): Promise<boolean>;
}

export const keepsSealed = (room: object): room is SealedRecords => 'sealedRecords' in room;

/** JSON-safe form of something sealed. */
export interface SealedRecord {
  readonly format: 1;
  /** `local`, `awsKMS`, `azureManagedHSM`. */
  readonly wrapper: string;
  /** Which key-encrypting key, for example its fingerprint or ARN. */
  readonly kek: string;
  /** Which version of it, where the service names versions. */
  readonly kekVersion?: string;
  /** Base64. */
  readonly wrappedDek: string;
  readonly nonce: string;
  readonly ciphertext: string;
}
