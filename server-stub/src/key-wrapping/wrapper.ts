/** What a data key belongs to; bound to it by a service that can (AWS: encryption context, Azure: authenticated data). No secrets. */
export type WrapContext = Readonly<Record<string, string>>;

/** A data key as it lies in a record. */
export interface WrappedDek {
  readonly bytes: Uint8Array;
  /** Of the key-encrypting key, where the service names its versions. */
  readonly version?: string | undefined;
}

/**
 * Wraps data keys of exactly 32 bytes under one key-encrypting key, and sees nothing else.
 * Failures: KEY_SERVICE_UNAVAILABLE (may pass by itself), KEY_SERVICE_REFUSED (does not), STORE_CORRUPT (`wrapped` was changed).
 */
export interface Wrapper {
  /** Its name in records: `local`, `awsKMS`, `azureManagedHSM`. */
  readonly name: string;
  /** Which key-encrypting key, without its version: a fingerprint, an ARN, a URL. Shown to operators; never the key. */
  readonly kek: string;
  /** Under the newest version of the key, or the pinned one. */
  wrap(dek: Uint8Array, context: WrapContext, signal: AbortSignal): Promise<WrappedDek>;
  /** By the version that wrapped it. */
  unwrap(wrapped: WrappedDek, context: WrapContext, signal: AbortSignal): Promise<Buffer>;
}

export const DEK_BYTES = 32;
