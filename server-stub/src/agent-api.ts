import { isIP } from 'node:net';
import { serverSpiffeId } from 'spirl-agent/domain/session-identity.js';
import type { OnUnexpected } from 'spirl-agent/runtime/wire-error.js';
import type { Latest } from 'spirl-agent/runtime/latest.js';
import type { RpcObserver } from 'spirl-agent/runtime/rpc-observer.js';
import { runTasks } from 'spirl-agent/runtime/task-group.js';
import { AgentListener } from './api/agent-listener.js';
import { createAgentMethods } from './api/agent-methods.js';
import { AgentSessionApi } from './api/agent-session.js';
import { createAuthenticate } from './api/authenticate.js';
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
  readonly observer: RpcObserver;
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
  const minting = openMinting(all);
  const { issuance, queue } = minting;
  const agentApi = createAgentMethods(
    { issuance, queue, authenticate, onUnexpected },
    {
      ...{ authenticate, deploymentId, clock, logger: log },
      trust: all.trust,
      clusters: createClusterViews(clusters, all.managed.state, all.policies, all.defaults),
      revocations: clusters.revocations,
      agents: all.agents,
    },
  );
  const { login, renew } = sessions.methods();
  const listener = new AgentListener({
    ...{ host, port, trustDomain, clock, logger: log, onUnexpected, observer: all.observer },
    endpoint: endpoint.latest,
    sessionCa: sessionCa.state,
    ...{ login, methods: [renew, ...agentApi.methods] },
  });
  const at = await listener.listen();
  log.info('Serving agents', { host: at.host, port: at.port });
  return {
    port: at.port,
    issuance: () => minting.levels(),
    run: (signal) =>
      runTasks(
        [endpoint, listener, agentApi, minting].map((part) => (s) => part.run(s)),
        signal,
      ),
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
