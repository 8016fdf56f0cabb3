/** The agent at the other end of an authenticated connection. */
export interface AgentSession {
  readonly agentId: string;
  readonly clusterId: string;
  readonly clusterName: string;
  /** `cv-…`, the cluster key that proved it. */
  readonly clusterVersionId: string;
  /** notAfter of its session certificate, milliseconds since the epoch. */
  readonly expiresAt: number;
}
