import { agentSpiffeId } from 'spirl-agent/domain/session-identity.js';
import { publicKeyOfRequest } from 'spirl-agent/runtime/certificate-request.js';
import type { LeafIssuer } from './endpoint-certificate.js';

export const AGENT_SESSION_MS = 86_400_000;

/** A session certificate as granted to an agent. */
export interface AgentCertificate {
  /** DER. */
  readonly certificate: Buffer;
  readonly notBefore: number;
  readonly notAfter: number;
}

/** Issues session certificates for agents; `lifetimeMs` is only shortened by tests and by the end of the CA. */
export function createAgentCertificates(issuer: LeafIssuer, trustDomain: string, lifetimeMs = AGENT_SESSION_MS) {
  return {
    /** Throws INVALID_REQUEST when the request is not a signed P-256 one. */
    async issueFor(agent: { clusterId: string; agentId: string }, csr: Uint8Array): Promise<AgentCertificate> {
      const publicKeySpki = await publicKeyOfRequest(csr);
      const value = agentSpiffeId(trustDomain, agent.clusterId, agent.agentId);
      return issuer.issue({ publicKeySpki, names: [{ type: 'url', value }], usage: 'client', lifetimeMs });
    },
  };
}
