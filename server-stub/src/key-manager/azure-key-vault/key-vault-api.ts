/**
 * The calls we make of Azure Key Vault, in our own words, each within its own time. Failures: KEY_SERVICE_UNAVAILABLE,
 * KeyServiceThrottled, KEY_SERVICE_REFUSED; ALREADY_EXISTS for a name that is taken or was taken by a deleted key.
 */
export interface KeyVaultApi {
  /** A key in hardware (`EC-HSM`, `RSA-HSM`) that signs and verifies. */
  createKey(request: VaultCreateRequest, signal: AbortSignal): Promise<VaultKey>;
  /** Every key of the vault; it knows no filter. */
  listKeys(signal: AbortSignal): Promise<readonly VaultKeyEntry[]>;
  /** The newest version. Undefined: there is no such key, or it is disabled. */
  key(name: string, signal: AbortSignal): Promise<VaultKey | undefined>;
  /** Raw r||s for ECDSA. `id` names the key's version. */
  sign(id: string, algorithm: VaultAlgorithm, digest: Uint8Array, signal: AbortSignal): Promise<Uint8Array>;
  /** No error for a key that is gone. */
  deleteKey(name: string, signal: AbortSignal): Promise<void>;
}

export type VaultTags = Readonly<Record<string, string>>;
export type VaultAlgorithm = 'ES256' | 'ES384' | 'RS256';

export interface VaultCreateRequest {
  readonly name: string;
  /** `P-256`, `P-384`, or RSA with so many bits. */
  readonly kind: { readonly curve: 'P-256' | 'P-384' } | { readonly rsaBits: number };
  readonly tags: VaultTags;
}

export interface VaultKeyEntry {
  readonly name: string;
  readonly enabled: boolean;
  readonly tags: VaultTags;
}

export interface VaultKey {
  readonly name: string;
  /** URL with name and version. */
  readonly id: string;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  readonly tags: VaultTags;
}

/** Opens a vault by its URL; nothing is called yet. */
export type KeyVaultConnector = (vaultURL: string) => Promise<KeyVaultApi>;
