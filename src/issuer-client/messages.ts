import type { Attributes } from '../domain/attributes.js';
import type { KeysetState } from '../domain/keyset-state.js';
import { Overloaded } from '../domain/overloaded.js';
import { SpiffeId } from '../domain/spiffe-id.js';
import type { JwtSvid, X509Svid } from '../domain/svid.js';
import type { DeploymentKeysets, TrustBundle } from '../domain/trust-bundle.js';
import type { TrustState } from '../domain/trust-state.js';
import { type ErrorCode, SpirlError } from '../runtime/errors.js';
import { status } from '../runtime/grpc-code.js';
import type { Session } from './session.js';
import type { WireGrant, WireJwtResult, WireStatus, WireSyncResponse, WireX509Result } from './wire-messages.js';

/** A trust state as it came, without the version that this process gives it. */
export type TrustContent = Omit<TrustState, 'version'>;

export function wireAttributes(
  attributes: Attributes,
): Readonly<Record<string, { readonly values: readonly string[] }>> {
  return Object.fromEntries(Object.entries(attributes).map(([name, values]) => [name, { values }]));
}

const ITEM_FAILURES: ReadonlyMap<number, ErrorCode> = new Map<number, ErrorCode>([
  [status.PERMISSION_DENIED, 'NO_IDENTITY_ISSUED'],
  [status.INVALID_ARGUMENT, 'INVALID_REQUEST'],
  [status.RESOURCE_EXHAUSTED, 'LIMIT_REACHED'],
  [status.UNAVAILABLE, 'CANNOT_ISSUE'],
]);

/**
 * `undefined` for OK. Only what the server says of this very item may become NO_IDENTITY_ISSUED. CANNOT_ISSUE: the server is there, and
 * something that it needs is not.
 */
export function itemError(wire: WireStatus | undefined): SpirlError | undefined {
  const { code, message, retryAfterMs = 0 } = wire ?? { code: 0, message: '' };
  if (code === 0) return undefined;
  const known = ITEM_FAILURES.get(code);
  if (known === 'CANNOT_ISSUE' && retryAfterMs > 0) return new Overloaded(message, retryAfterMs);
  if (known !== undefined) return new SpirlError(known, message);
  const cause = new Error(`code ${code}: ${message}`);
  return new SpirlError('CANNOT_ISSUE', 'the trust-domain server could not issue', { cause });
}

/** `ownKey`: PKCS#8 of the key that the agent made; else the server's answer holds it. Throws UNAVAILABLE when it is not usable. */
export function x509SvidOf(wire: WireX509Result, ownKey: Uint8Array | undefined): X509Svid {
  const privateKey = ownKey ?? wire.privateKey;
  if (wire.chain.length === 0 || privateKey.length === 0) {
    throw new SpirlError('UNAVAILABLE', 'the trust-domain server answered without a certificate or key');
  }
  return {
    spiffeId: SpiffeId.parse(wire.spiffeId),
    chain: wire.chain,
    privateKey,
    serial: wire.serial,
    notBefore: wire.notBeforeMs,
    notAfter: wire.notAfterMs,
    keysetId: wire.keysetId,
    outcome: wire.outcome,
    hint: wire.hint,
  };
}

export function jwtSvidOf(wire: WireJwtResult): JwtSvid {
  return {
    spiffeId: SpiffeId.parse(wire.spiffeId),
    token: wire.token,
    issuedAt: wire.issuedAtMs,
    expiresAt: wire.expiresAtMs,
    keysetId: wire.keysetId,
    hint: wire.hint,
  };
}

export function sessionOf(wire: WireGrant, privateKey: Uint8Array, receivedAt: number): Session {
  const { agentId, trustDomain, deploymentId, clusterId, clusterName, certificateChain } = wire;
  return {
    agentId,
    trustDomain,
    deploymentId,
    clusterId,
    clusterName,
    certificateChain,
    privateKey,
    receivedAt,
    notAfter: wire.notAfterMs,
  };
}

/** Throws UNAVAILABLE when a part cannot be read. */
export function trustContentOf(wire: WireSyncResponse): TrustContent {
  try {
    return {
      bundles: wire.bundles.map(bundleOf),
      deployments: wire.deployments.map(deploymentOf),
      sessionCa: wire.sessionCa,
      policy: { version: wire.policy?.version ?? 0, reads: wire.policy?.reads ?? [] },
      sections: Object.fromEntries(
        Object.entries(wire.sections).map(([name, spec]) => [name, JSON.parse(spec) as unknown]),
      ),
    };
  } catch (cause) {
    throw new SpirlError('UNAVAILABLE', 'the trust-domain server sent a state that cannot be read', { cause });
  }
}

function bundleOf(wire: WireSyncResponse['bundles'][number]): TrustBundle {
  return {
    trustDomain: wire.trustDomain,
    sequence: wire.sequence,
    refreshHintSeconds: wire.refreshHintSeconds,
    x509Authorities: wire.x509Authorities.map((certificate) => ({ certificate })),
    jwtAuthorities: wire.jwtAuthorities.map(({ keyId, publicJwk }) => ({
      keyId,
      publicJwk: JSON.parse(publicJwk) as Record<string, string>,
    })),
  };
}

const STATES: readonly KeysetState[] = ['PREPARED', 'ACTIVE', 'TAINTED'];

function deploymentOf(wire: WireSyncResponse['deployments'][number]): DeploymentKeysets {
  const states = wire.keysets.map(({ id, state }) => {
    const known = STATES.find((one) => one === state);
    if (known === undefined) throw new Error(`unknown keyset state ${state}`);
    return [id, known] as const;
  });
  const { deploymentId, epoch, revision } = wire;
  return { deploymentId, epoch, revision, keysets: Object.fromEntries(states) };
}
