/**
 * Wraps data keys of exactly 32 bytes under one key-encrypting key, and sees nothing else.
 * Failures: KEY_SERVICE_UNAVAILABLE (may pass by itself), INVALID_CONFIG (refused), STORE_CORRUPT (`wrapped` was changed).
 */
export interface Wrapper {
  /** Its name in configuration and records: `local`, `awsKMS`, `azureManagedHSM`. */
  readonly name: string;
  /** Which key-encrypting key: a fingerprint, an ARN, a URL. Shown to operators; never the key. */
  readonly kek: string;
  wrap(dek: Uint8Array, signal: AbortSignal): Promise<Uint8Array>;
  unwrap(wrapped: Uint8Array, signal: AbortSignal): Promise<Buffer>;
}
