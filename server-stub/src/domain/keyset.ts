import type { KeysetState } from 'spirl-agent/domain/keyset-state.js';
import type { SigningKey } from './signing-key.js';

/** One keyset of the ring: everything about it but the private keys. Times are milliseconds since the epoch. */
export interface Keyset {
  readonly id: string;
  readonly state: KeysetState;
  readonly createdAt: number;
  /** notAfter of its CA certificate. */
  readonly expiresAt: number;
  /** Absent: never active, so a successor and no predecessor. */
  readonly firstActivatedAt?: number;
  /** When it last stepped down from ACTIVE. */
  readonly demotedAt?: number;
  /** Which key manager holds its keys; `sealed`: in memory, wrapped in the store. */
  readonly custody: string;
  /** What it takes to reach that key manager again, without secrets. Absent: nothing. */
  readonly custodySettings?: Readonly<Record<string, unknown>>;
  /** What the key manager's service calls its key, where it has a name for it. */
  readonly keyReference?: string;
  /** The deployment's CA certificate for this keyset, DER. */
  readonly caCertificate: Uint8Array;
  /** Further intermediates from the CA towards the upstream root, DER; never the root. Empty when self-signed. */
  readonly intermediates: readonly Uint8Array[];
  /** What goes into the bundle: the CA certificate itself when self-signed, else the upstream roots. DER. */
  readonly x509Authorities: readonly Uint8Array[];
  /** SubjectPublicKeyInfo of the JWT key, DER. The JWT key id (`kid`) is the keyset's id. */
  readonly jwtPublicSpki: Uint8Array;
}

/** A keyset that was removed or retired; kept so that repeating `remove` is no error and its id is never used again. */
export interface Tombstone {
  readonly id: string;
  readonly removedAt: number;
}

/** The key ring of one deployment. Immutable. */
export interface Ring {
  /** Raised when a store is restored from a copy. */
  readonly epoch: number;
  /** Raised by each committed mutation. */
  readonly revision: number;
  /** Newest first. */
  readonly keysets: readonly Keyset[];
  readonly tombstones: readonly Tombstone[];
  /** When the ring was last written; nothing is signed while the clock stands before it. */
  readonly writtenAt: number;
}

/** The private halves of one keyset, usable. The X.509 and the JWT key may be the same key. */
export interface KeysetKeys {
  readonly x509: SigningKey;
  readonly jwt: SigningKey;
}

/** The committed ring with its usable keys, as one snapshot. `version` grows with each. */
export interface SigningState {
  readonly version: number;
  readonly ring: Ring;
  /** By keyset id. */
  readonly keys: ReadonlyMap<string, KeysetKeys>;
}
