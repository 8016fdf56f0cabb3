import type { TrustDomain } from 'spirl-agent/domain/trust-domain.js';
import type { Clock } from 'spirl-agent/runtime/clock.js';
import type { ErrorCode } from 'spirl-agent/runtime/errors.js';
import type { Logger } from 'spirl-agent/runtime/logger.js';
import type { KeyManager } from '../domain/key-manager.js';
import type { Operator } from '../domain/operator.js';
import type { RecordStore, Sealer } from '../domain/record-store.js';
import type { KeyType, SigningKey } from '../domain/signing-key.js';
import type { RotationPolicy } from './rotation-policy.js';

/** Everything that keysets of one deployment need of the rest of the server. */
export interface KeysetParts {
  readonly store: RecordStore;
  readonly sealer: Sealer;
  readonly keyManagers: KeyManagers;
  readonly upstream: UpstreamAuthority;
  readonly audit: AuditLog;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly trustDomain: TrustDomain;
  readonly deploymentId: string;
  /** Names this replica in claims; the same after a restart. */
  readonly holder: string;
  readonly policy: RotationPolicy;
}

/** Which key manager holds a key, and what it takes to reach it; as a keyset's record says it. */
export interface Custody {
  readonly custody: string;
  readonly custodySettings?: Readonly<Record<string, unknown>>;
}

/** Who makes the next keyset's key, and of which type. */
export interface KeyMaker extends Custody {
  readonly manager: KeyManager;
  readonly keyType: KeyType;
}

/** The key managers of this deployment. The keysets of one ring may lie in several. Throws INVALID_CONFIG. */
export interface KeyManagers {
  /** As configured now. */
  next(): Promise<KeyMaker>;
  /** Who holds keys of this custody. */
  holder(custody: Custody): Promise<KeyManager>;
  /** Lets new settings count, and ends the sessions with those that hold none of these and not the next one, until they are asked. */
  settle(needed: readonly Custody[]): Promise<void>;
}

/** Who vouches for a new keyset's CA. Throws KEY_SERVICE_UNAVAILABLE, or what it refuses with. */
export interface UpstreamAuthority {
  mintCa(request: CaRequest, signal: AbortSignal): Promise<MintedCa>;
}

export interface CaRequest {
  readonly key: SigningKey;
  readonly keysetId: string;
  readonly trustDomain: TrustDomain;
  /** Milliseconds; it may be given less. */
  readonly preferredTtlMs: number;
}

/** Certificates are DER. */
export interface MintedCa {
  readonly caCertificate: Uint8Array;
  /** From the CA towards the root, which is not among them. */
  readonly intermediates: readonly Uint8Array[];
  /** What goes into the bundle. */
  readonly x509Authorities: readonly Uint8Array[];
  /** Milliseconds since the epoch. */
  readonly notAfter: number;
}

/** Knows when news of a committed ring has arrived. */
export interface Publisher {
  /** Resolves when every connected agent has acknowledged the ring of `revision`, or when waiting longer is pointless. */
  published(revision: number, signal: AbortSignal): Promise<void>;
}

/** A step of a keyset's life, asked for by an operator or the schedule. `Rewrapped`: of all sealed records at once. */
export interface KeysetEvent {
  readonly operation: 'Prepared' | 'Activated' | 'Tainted' | 'Removed' | 'Retired' | 'Rewrapped';
  /** Absent when preparing failed before there was an id, and for `Rewrapped`. */
  readonly keysetId?: string;
  /** The formerly active keyset, which an activation made PREPARED. */
  readonly replacedKeysetId?: string;
  readonly operator: Operator;
  /** `Unchanged`: it had been done before. `Failed`: refused or failed with `code`; the ring is as it was. */
  readonly outcome: 'Done' | 'Unchanged' | 'Failed';
  readonly code?: ErrorCode;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

export interface AuditLog {
  keysetChanged(event: KeysetEvent): void;
}
