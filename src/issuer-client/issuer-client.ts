import type { TrustState } from '../domain/trust-state.js';
import type { Clock } from '../runtime/clock.js';
import type { Latest } from '../runtime/latest.js';
import type { Logger } from '../runtime/logger.js';
import { runTasks } from '../runtime/task-group.js';
import { AgentSession } from './agent-session.js';
import { BundleStream, type ServerStatus } from './bundle-stream.js';
import { Issuer, type MintMetrics } from './issuer.js';
import type { NodeEvidence } from './node-evidence.js';
import { StateDirectory } from './state-directory.js';
import { TrustStore } from './trust-store.js';

export interface IssuerClientOptions {
  /** `host:port` of the trust-domain server. */
  readonly address: string;
  /** Server name of the TLS handshake, when it is not the host of `address`. */
  readonly serverName?: string;
  readonly clusterId: string;
  /** PEM with session CA certificates, for the first contact. */
  readonly bootstrapFile: string;
  /** Directory (0700) for the session and the last trust state. */
  readonly stateDir: string;
  readonly evidence: NodeEvidence;
  /** Who makes workload keys. */
  readonly keySource: 'server' | 'agent';
  /** Version of this program. */
  readonly agentVersion: string;
  /** Host name, for people. */
  readonly nodeName: string;
  readonly metrics: MintMetrics;
  readonly clock: Clock;
  /** 0 up to but not including 1; for jitter. */
  readonly random: () => number;
  /** `agent.sessionClient` */
  readonly logger: Logger;
}

/** Everything that talks to the trust-domain server. */
export interface IssuerClient {
  readonly issuer: Issuer;
  readonly trust: Latest<TrustState>;
  /** The trust state `version` has been pushed to all workload streams. */
  acknowledge(version: number, svidsPerKeyset: Readonly<Record<string, number>>): void;
  /** For readiness. */
  status(): ServerStatus;
  /** The server's name for this agent, the last one known. */
  agentId(): string | undefined;
  run(signal: AbortSignal): Promise<void>;
}

/** Takes up what an earlier run left in the state directory; nothing is sent before `run`. */
export async function openIssuerClient(options: IssuerClientOptions): Promise<IssuerClient> {
  const { clock, random, logger, metrics, keySource } = options;
  const state = await StateDirectory.open(options.stateDir, logger);
  const store = await TrustStore.open(state, options.clusterId);
  const sessions = await AgentSession.open({ ...options, state });
  const bundles = new BundleStream({ sessions, store, clock, random, logger });
  return {
    issuer: new Issuer({ sessions, clock, metrics, keySource }),
    trust: store.latest,
    acknowledge: (version, svidsPerKeyset) => bundles.acknowledge(version, svidsPerKeyset),
    status: () => bundles.status(),
    agentId: () => sessions.agentId,
    run: (signal) => runTasks([(stop) => sessions.run(stop), (stop) => bundles.run(stop)], signal),
  };
}
