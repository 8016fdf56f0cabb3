/** A session as the server granted it, with its key. Immutable. Times are milliseconds since the epoch. */
export interface Session {
  readonly agentId: string;
  readonly trustDomain: string;
  readonly deploymentId: string;
  readonly clusterId: string;
  readonly clusterName: string;
  /** DER, the agent's certificate first. */
  readonly certificateChain: readonly Uint8Array[];
  /** PKCS#8, DER. */
  readonly privateKey: Uint8Array;
  /** When it came; its notBefore lies in the past, so that clocks may differ. */
  readonly receivedAt: number;
  readonly notAfter: number;
}

/** What has to be done about a session, or how long nothing has to be done (milliseconds). */
export type SessionStep =
  { readonly do: 'login' } | { readonly do: 'renew' } | { readonly do: 'wait'; readonly ms: number };

/** Suspended machines and jumping clocks are noticed within this time. */
const LOOK_EVERY_MS = 30_000;

/** Renewal is due around half of the life; `jitter` (0 to 1) spreads a fleet that logged in together. */
export function sessionStep(session: Session | undefined, now: number, jitter: number): SessionStep {
  if (session === undefined || now >= session.notAfter) return { do: 'login' };
  const renewAt = session.receivedAt + (session.notAfter - session.receivedAt) * (0.45 + 0.1 * jitter);
  return now >= renewAt ? { do: 'renew' } : { do: 'wait', ms: Math.min(renewAt - now, LOOK_EVERY_MS) };
}
