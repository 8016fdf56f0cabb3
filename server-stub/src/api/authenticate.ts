import type { KeyObject, X509Certificate } from 'node:crypto';
import { parseAgentSpiffeId } from 'spirl-agent/domain/session-identity.js';
import { isCurrent, isIssuedBy, onlyUri } from 'spirl-agent/runtime/certificate-facts.js';
import type { Clock } from 'spirl-agent/runtime/clock.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import type { AgentSession } from '../domain/agent-session.js';

/** What a session certificate says. */
export interface CertificateFacts {
  readonly agentId: string;
  readonly clusterId: string;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** A connection as the listener accepted it: who its certificate says it is, or why that counts for nothing. */
export class AgentConnection {
  /** For the log. */
  readonly address: string;
  readonly certificate: CertificateFacts | SpirlError;
  constructor(address: string, certificate: CertificateFacts | SpirlError) {
    this.address = address;
    this.certificate = certificate;
  }
}

/** What is needed of the clusters: looked up again at each call, so that a revocation takes effect at once. */
export interface AgentDirectory {
  find(clusterId: string): { readonly name: string } | undefined;
  publicKey(clusterId: string, clusterVersionId: string): KeyObject | undefined;
  findAgent(
    agentId: string,
  ): Promise<
    { readonly clusterId: string; readonly clusterVersionId: string; readonly evictedAt?: number } | undefined
  >;
}

/** The live session behind a connection. Throws UNAUTHENTICATED: whatever the reason, the agent has to log in again. */
export type Authenticate = (peer: unknown) => Promise<AgentSession>;

/** Reads a client certificate: it must come from the session CA (`authorities`, DER), be valid now and name an agent. */
export function readSessionCertificate(
  certificate: X509Certificate | undefined,
  authorities: readonly Uint8Array[],
  trustDomain: string,
  now: number,
): CertificateFacts | SpirlError {
  if (certificate === undefined) return refusal('no session certificate was shown: log in first');
  if (!isCurrent(certificate, now)) return refusal('the session certificate has expired: log in again');
  if (!isIssuedBy(certificate, authorities, now)) {
    return refusal("the certificate shown is not from this deployment's session CA");
  }
  const uri = onlyUri(certificate);
  if (uri === undefined) return refusal('the session certificate names no agent');
  try {
    const { agentId, clusterId } = parseAgentSpiffeId(uri, trustDomain);
    const [notBefore, notAfter] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
    return { agentId, clusterId, notBefore, notAfter };
  } catch {
    return refusal('the session certificate names no agent of this trust domain');
  }
}

export function createAuthenticate(directory: AgentDirectory, clock: Clock): Authenticate {
  return async (peer) => {
    const certificate = peer instanceof AgentConnection ? peer.certificate : refusal('caller cannot be identified');
    if (certificate instanceof SpirlError) throw certificate;
    const { agentId, clusterId, notAfter } = certificate;
    if (clock.now() >= notAfter) throw refusal('the session has expired: log in again');
    const agent = await directory.findAgent(agentId);
    if (agent?.clusterId !== clusterId) throw refusal('the session is unknown here: log in again');
    if (agent.evictedAt !== undefined) throw refusal('this agent was evicted');
    const cluster = directory.find(clusterId);
    if (cluster === undefined || directory.publicKey(clusterId, agent.clusterVersionId) === undefined) {
      throw refusal('the cluster key that this session was opened with has been deleted');
    }
    return {
      agentId,
      clusterId,
      clusterName: cluster.name,
      clusterVersionId: agent.clusterVersionId,
      expiresAt: notAfter,
    };
  };
}

function refusal(sentence: string): SpirlError {
  return new SpirlError('UNAUTHENTICATED', sentence);
}
