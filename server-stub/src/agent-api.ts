import type { ServerInterceptor } from '@grpc/grpc-js';
import { isIP } from 'node:net';
import { serverSpiffeId } from 'spirl-agent/domain/session-identity.js';
import type { OnUnexpected } from 'spirl-agent/runtime/grpc-adapter.js';
import type { Latest } from 'spirl-agent/runtime/latest.js';
import { runTasks } from 'spirl-agent/runtime/task-group.js';
import { createAgentIssuance } from './api/agent-issuance.js';
import { AgentListener } from './api/agent-listener.js';
import { addAgentService } from './api/agent-service.js';
import { AgentSessionApi } from './api/agent-session.js';
import { createAuthenticate } from './api/authenticate.js';
import { createBundleSync } from './api/bundle-sync.js';
import type { ConnectedAgents } from './api/bundle-sync-agents.js';
import type { TrustSnapshot } from './api/cluster-states.js';
import { createClusterViews, type PolicyDefaults } from './cluster-views.js';
import type { ClusterRegistry } from './clusters/cluster-registry.js';
import type { DeploymentIdentity } from './config/deployment-identity.js';
import type { ManagedConfig } from './config/managed-config.js';
import type { ServerConfig } from './config/server-config.js';
import type { KeysetService } from './keyset/keyset-service.js';
import { openMinting, type Minting } from './minting.js';
import { ClusterKeyAttestation } from './node-attestation/cluster-key-attestation.js';
import type { ClusterPolicies } from './policy/cluster-policies.js';
import type { ServerParts } from './server-parts.js';
import { createAgentCertificates } from './session-ca/agent-certificates.js';
import { EndpointCertificates } from './session-ca/endpoint-certificate.js';
import type { SessionCa } from './session-ca/session-ca.js';
import type { Audit } from './telemetry/audit.js';
import type { ServerMetrics } from './telemetry/metrics.js';

export interface AgentApiParts {
  readonly config: ServerConfig;
  readonly parts: ServerParts;
  readonly identity: DeploymentIdentity;
  readonly sessionCa: SessionCa;
  readonly clusters: ClusterRegistry;
  readonly managed: ManagedConfig;
  readonly keysets: KeysetService;
  readonly agents: ConnectedAgents;
  readonly trust: Latest<TrustSnapshot>;
  readonly policies: ClusterPolicies;
  readonly defaults: PolicyDefaults;
  readonly metrics: ServerMetrics;
  readonly audit: Audit;
  readonly interceptors: readonly ServerInterceptor[];
  readonly onUnexpected: OnUnexpected;
}

export interface AgentApi {
  readonly port: number;
  /** SVIDs that wait, and threads that mint. */
  issuance(): ReturnType<Minting['levels']>;
  run(signal: AbortSignal): Promise<void>;
}

/** What agents reach: sessions, issuance, the bundle stream. Listening when this resolves. */
export async function openAgentApi(all: AgentApiParts): Promise<AgentApi> {
  const { identity, sessionCa, clusters, onUnexpected } = all;
  const { clock, logger } = all.parts;
  const { host, port, names } = all.config.agentEndpoint;
  const { deploymentId } = identity;
  const trustDomain = identity.trustDomain.name;
  const log = logger.named('agentServer');

  const hosts = [...new Set([...names, ...(isIP(host) === 0 || !isUnspecified(host) ? [host] : [])])];
  const endpoint = await EndpointCertificates.open({
    issuer: sessionCa,
    ...{ clock, logger: log, trustDomain, deploymentId, hosts },
  });
  const listener = new AgentListener({
    ...{ host, port, trustDomain, clock, logger: log },
    endpoint: endpoint.latest,
    sessionCa: sessionCa.state,
    interceptors: all.interceptors,
  });
  const authenticate = createAuthenticate(directoryOf(clusters), clock);
  const sessions = new AgentSessionApi({
    attestation: new ClusterKeyAttestation(clusters, clock, serverSpiffeId(trustDomain, deploymentId)),
    certificates: createAgentCertificates(sessionCa, trustDomain),
    agents: {
      newAgentId: () => clusters.agents.newId(),
      clusterName: (clusterId) => clusters.require(clusterId).name,
      recordLogin: (login, expiresAt) => clusters.recordLogin(login, expiresAt),
      recordRenewal: (agentId, version, expiresAt) => clusters.recordRenewal(agentId, version, expiresAt),
    },
    ...{ authenticate, trustDomain, deploymentId, clock },
    sessionCa: sessionCa.state,
    logger: log.named('session'),
  });
  sessions.addTo(listener.grpc.grpc, onUnexpected);
  const minting = openMinting(all);
  const issuance = createAgentIssuance(minting.issuance, authenticate, onUnexpected, minting.queue);
  const sync = createBundleSync(
    {
      ...{ authenticate, deploymentId, clock, logger: log },
      trust: all.trust,
      clusters: createClusterViews(clusters, all.managed.state, all.policies, all.defaults),
      revocations: clusters.revocations,
      agents: all.agents,
    },
    onUnexpected,
  );
  addAgentService(listener.grpc.grpc, issuance, sync);
  const at = await listener.listen();
  log.info('Serving agents', { host: at.host, port: at.port });
  return {
    port: at.port,
    issuance: () => minting.levels(),
    run: (signal) => runTasks([(s) => endpoint.run(s), (s) => listener.run(s), (s) => minting.run(s)], signal),
  };
}

function directoryOf(clusters: ClusterRegistry): Parameters<typeof createAuthenticate>[0] {
  return {
    find: (clusterId) => clusters.find(clusterId),
    publicKey: (clusterId, clusterVersionId) => clusters.publicKey(clusterId, clusterVersionId),
    findAgent: (agentId) => clusters.agents.find(agentId),
  };
}

/** `0.0.0.0` and `::` are where to listen, not how to be reached. */
function isUnspecified(host: string): boolean {
  return /^[0:.]+$/.test(host);
}
