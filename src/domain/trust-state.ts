import type { DeploymentKeysets, TrustBundle } from './trust-bundle.js';

/** Everything the server tells an agent on the bundle stream, as one immutable snapshot. */
export interface TrustState {
  /** Grows with each snapshot of this process; what is acknowledged to the server. */
  readonly version: number;
  /** The agent's own trust domain first. Empty until the server was reached for the first time. */
  readonly bundles: readonly TrustBundle[];
  readonly deployments: readonly DeploymentKeysets[];
  /** DER certificates of the session CA. */
  readonly sessionCa: readonly Uint8Array[];
  readonly policy: IssuancePolicyView;
  /** Managed sections for this agent (`WorkloadAttestation`, `AttributeRedaction`): the parsed spec, by section name. */
  readonly sections: Readonly<Record<string, unknown>>;
}

/** What the agent must know of the server's issuance policy. */
export interface IssuancePolicyView {
  readonly version: number;
  /** Attribute names that the policy reads; a `*` at the end stands for every name with that beginning. */
  readonly reads: readonly string[];
}
