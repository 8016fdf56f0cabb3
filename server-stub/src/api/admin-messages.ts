import { createHash } from 'node:crypto';
import type { KeysetState } from 'spirl-agent/domain/keyset-state.js';
import type { TrustBundle } from 'spirl-agent/domain/trust-bundle.js';
import type { Keyset, Ring } from '../domain/keyset.js';

export interface WireDeployment {
  readonly trustDomain: string;
  readonly deploymentName: string;
}
export interface WireKeySetRequest {
  /** null when the caller left it out. */
  readonly deployment: WireDeployment | null;
  readonly keySetId: string;
}
export interface WireScope {
  readonly kind: string;
  readonly id: string;
}
export interface WireUpdateConfig {
  readonly scope: WireScope | null;
  readonly sectionUpdates: readonly string[];
  readonly prune: boolean;
  readonly expectedVersion: string;
  readonly validateOnly: boolean;
}

/** X.509-SVIDs that connected agents hold, per keyset id. */
export type SvidsPerKeyset = Readonly<Record<string, number>>;

/** Two keys per keyset, X.509 before JWT, newest keyset first. */
export function signingKeyMessages(ring: Ring, held: SvidsPerKeyset): readonly object[] {
  return [...ring.keysets].sort((a, b) => b.createdAt - a.createdAt).flatMap((keyset) => keyMessages(keyset, held));
}

function keyMessages(keyset: Keyset, held: SvidsPerKeyset): readonly object[] {
  const common = {
    keyId: keyset.id,
    issuedAtMs: keyset.createdAt,
    expiresAtMs: keyset.expiresAt,
    state: STATES[keyset.state],
    custody: keyset.custody,
    custodySettings: keyset.custodySettings === undefined ? '' : JSON.stringify(keyset.custodySettings),
    keyReference: keyset.keyReference ?? '',
  };
  return [
    {
      ...common,
      keyType: 'KEY_TYPE_X509',
      fingerprint: sha256(keyset.caCertificate),
      agentSvids: Object.hasOwn(held, keyset.id) ? held[keyset.id] : 0,
    },
    { ...common, keyType: 'KEY_TYPE_JWT', fingerprint: sha256(keyset.jwtPublicSpki), agentSvids: 0 },
  ];
}

const STATES = {
  PREPARED: 'STATE_PREPARED',
  ACTIVE: 'STATE_ACTIVE',
  TAINTED: 'STATE_TAINTED',
} as const satisfies Record<KeysetState, string>;

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export function trustBundleMessage(bundle: TrustBundle): object {
  return {
    trustDomain: bundle.trustDomain,
    sequence: bundle.sequence,
    refreshHintSeconds: bundle.refreshHintSeconds,
    x509Authorities: bundle.x509Authorities.map(({ certificate }) => Buffer.from(certificate)),
    jwtAuthorities: bundle.jwtAuthorities.map(({ keyId, publicJwk }) => JSON.stringify({ ...publicJwk, kid: keyId })),
  };
}
