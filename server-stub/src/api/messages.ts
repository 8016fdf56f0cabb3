import { type Attributes, canonicalAttributes } from 'spirl-agent/domain/attributes.js';
import { Overloaded } from 'spirl-agent/domain/overloaded.js';
import type { JwtSvid, X509Svid } from 'spirl-agent/domain/svid.js';
import type { DeploymentKeysets, TrustBundle } from 'spirl-agent/domain/trust-bundle.js';
import { wireError, type OnUnexpected } from 'spirl-agent/runtime/wire-error.js';
import { status } from 'spirl-agent/runtime/grpc-code.js';
import { framed } from 'spirl-agent/runtime/grpc-frame.js';
import { madeOnce } from 'spirl-agent/runtime/made-once.js';

export type WireAttributes = Readonly<Record<string, { readonly values: readonly string[] }>>;

export interface WireStatus {
  readonly code: number;
  readonly message: string;
  readonly retryAfterMs?: number;
}

export interface WireX509Item {
  readonly attributes: WireAttributes;
  readonly csr: Buffer;
  readonly renewal: boolean;
}

export interface WireJwtItem {
  readonly attributes: WireAttributes;
  readonly audience: readonly string[];
}

export interface WireResolveItem {
  readonly attributes: WireAttributes;
}

export interface WireSyncRequest {
  readonly positions: readonly { readonly deploymentId: string; readonly epoch: number; readonly revision: number }[];
  readonly acknowledgedVersion: number;
  readonly svidsPerKeyset: Readonly<Record<string, number>>;
}

/** Everything that one agent is told; see `SyncResponse`. */
export interface SyncContent {
  readonly bundles: readonly TrustBundle[];
  readonly deployments: readonly DeploymentKeysets[];
  readonly sessionCa: readonly Uint8Array[];
  readonly policy: { readonly version: number; readonly reads: readonly string[] };
  readonly sections: Readonly<Record<string, unknown>>;
}

export function attributesOf(wire: WireAttributes): Attributes {
  return canonicalAttributes(Object.fromEntries(Object.entries(wire).map(([name, { values }]) => [name, values])));
}

export const OK: WireStatus = { code: status.OK, message: '' };

/** An item's failure, as its caller may see it. */
export function failedItem(error: unknown, onUnexpected: OnUnexpected): { status: WireStatus } {
  const { code, details } = wireError(error, onUnexpected);
  const retryAfterMs = error instanceof Overloaded ? error.retryAfterMs : 0;
  return { status: { code, message: details, retryAfterMs } };
}

export function x509Result(svid: X509Svid): object {
  const { spiffeId, notBefore, notAfter, ...rest } = svid;
  return { status: OK, spiffeId: spiffeId.toString(), notBeforeMs: notBefore, notAfterMs: notAfter, ...rest };
}

export function jwtResult(svid: JwtSvid): object {
  const { spiffeId, issuedAt, expiresAt, ...rest } = svid;
  return { status: OK, spiffeId: spiffeId.toString(), issuedAtMs: issuedAt, expiresAtMs: expiresAt, ...rest };
}

/** A `SyncResponse` without its version, which every stream counts for itself. */
export function syncState(content: SyncContent): object {
  const sections = Object.entries(content.sections).map(([name, spec]) => [name, JSON.stringify(spec)] as const);
  return {
    bundles: content.bundles.map(wireBundle),
    deployments: content.deployments.map(({ deploymentId, epoch, revision, keysets }) => ({
      deploymentId,
      epoch,
      revision,
      keysets: Object.entries(keysets).map(([id, state]) => ({ id, state })),
    })),
    sessionCa: content.sessionCa,
    policy: content.policy,
    sections: Object.fromEntries(sections),
  };
}

/** What is written on a bundle stream: the state, the same object for all agents of a cluster, and the stream's own version of it. */
export interface NumberedState {
  readonly version: number;
  readonly state: object;
}

/** Frames of one state that are kept; agents that connected together are at the same version. */
const KEPT_FRAMES = 16;

/**
 * Encodes a state once for all streams that send it. Each stream's version is field 1 of the message, so its bytes go in front:
 * the same bytes as encoding the whole, and one frame for all streams at that version. `encode`: of a `SyncResponse`.
 */
export function createStateEncoder(encode: (response: object) => Buffer): (numbered: NumberedState) => Buffer {
  const made = madeOnce<object, undefined, { bytes: Buffer; frames: Map<number, Buffer> }>((state) => {
    return { bytes: encode(state), frames: new Map() };
  });
  return ({ version, state }) => {
    const { bytes, frames } = made(state, undefined);
    let frame = frames.get(version);
    if (frame === undefined) {
      frame = framed(Buffer.concat([versionField(version), bytes]));
      if (frames.size < KEPT_FRAMES) frames.set(version, frame);
    }
    return frame;
  };
}

const VERSION_TAG = 0x08;

/** Field 1 as a varint. */
function versionField(version: number): Buffer {
  const bytes = [VERSION_TAG];
  let rest = version;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Buffer.from([...bytes, rest]);
}

function wireBundle(bundle: TrustBundle): object {
  return {
    trustDomain: bundle.trustDomain,
    sequence: bundle.sequence,
    refreshHintSeconds: bundle.refreshHintSeconds,
    x509Authorities: bundle.x509Authorities.map(({ certificate }) => certificate),
    jwtAuthorities: bundle.jwtAuthorities.map(({ keyId, publicJwk }) => ({
      keyId,
      publicJwk: JSON.stringify(publicJwk),
    })),
  };
}
