import type { Attributes } from 'spirl-agent/domain/attributes.js';
import type { SpiffeId } from 'spirl-agent/domain/spiffe-id.js';
import type { TrustDomain } from 'spirl-agent/domain/trust-domain.js';
import type { AgentSession } from '../domain/agent-session.js';
import type { IssuancePolicy, PolicyInput } from '../policy/issuance-policy.js';

/** The policy of each cluster. */
export interface PolicyLookup {
  /** Throws NOT_FOUND, UNAVAILABLE. */
  policyOf(clusterId: string): IssuancePolicy;
}

export interface IdentityParts {
  readonly policies: PolicyLookup;
  readonly trustDomain: TrustDomain;
}

/** What a workload would get today; nothing is signed. */
export interface ResolvedIdentity {
  readonly spiffeId: SpiffeId;
  /** Opaque; see `X509Svid.outcome`. */
  readonly outcome: string;
}

/** Says what an agent's attributes would get. Throws NO_IDENTITY_ISSUED, INVALID_REQUEST. */
export function createResolveIdentity(parts: IdentityParts) {
  return async (session: AgentSession, attributes: Attributes): Promise<ResolvedIdentity> => {
    const { spiffeId, outcome } = policyFor(parts, session).decideX509(policyInput(parts, session, attributes));
    return Promise.resolve({ spiffeId, outcome });
  };
}

export function policyFor({ policies }: IdentityParts, session: AgentSession): IssuancePolicy {
  return policies.policyOf(session.clusterId);
}

/** The agent's word on the workload, the session's on everything else: an agent speaks for its own cluster only. */
export function policyInput(
  { trustDomain }: IdentityParts,
  session: AgentSession,
  attributes: Attributes,
): PolicyInput {
  return { attributes, session, trustDomain: trustDomain.name };
}
