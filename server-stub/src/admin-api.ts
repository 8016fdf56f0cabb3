import type { OnUnexpected } from 'spirl-agent/runtime/wire-error.js';
import type { Latest } from 'spirl-agent/runtime/latest.js';
import type { Logger } from 'spirl-agent/runtime/logger.js';
import type { RpcObserver } from 'spirl-agent/runtime/rpc-observer.js';
import { AdminListener } from './api/admin-listener.js';
import { bundleEndpoint } from './api/bundle-endpoint.js';
import type { TrustSnapshot } from './api/cluster-states.js';
import type { ConnectedAgents } from './api/bundle-sync-agents.js';
import { clusterAdmin } from './api/cluster-admin.js';
import { configAdmin } from './api/config-admin.js';
import { keysetAdmin, type Rewrap } from './api/keyset-admin.js';
import type { ServedMethod } from './api/rpc-methods.js';
import type { ClusterRegistry } from './clusters/cluster-registry.js';
import type { DeploymentIdentity } from './config/deployment-identity.js';
import type { ManagedConfig } from './config/managed-config.js';
import type { ServerConfig } from './config/server-config.js';
import { bundleOf } from './keyset/bundle-of.js';
import type { KeysetService } from './keyset/keyset-service.js';
import type { ServerParts } from './server-parts.js';

export interface AdminApiParts {
  readonly config: ServerConfig;
  readonly parts: ServerParts;
  readonly identity: DeploymentIdentity;
  readonly clusters: ClusterRegistry;
  readonly managed: ManagedConfig;
  readonly keysets: KeysetService;
  readonly rewrap: Rewrap;
  readonly agents: ConnectedAgents;
  readonly trust: Latest<TrustSnapshot>;
  readonly observer: RpcObserver;
  readonly onUnexpected: OnUnexpected;
}

/** What operators reach, on the admin socket. Listening when this resolves. */
export async function openAdminApi(all: AdminApiParts): Promise<AdminListener> {
  const { config, parts, onUnexpected, observer } = all;
  const logger = parts.logger.named('admin');
  const listener = new AdminListener({
    ...{ path: config.adminSocket, ownUid: parts.ownUid, clock: parts.clock, logger, onUnexpected, observer },
    methods: adminApi(all, logger),
  });
  await listener.listen();
  return listener;
}

function adminApi(all: AdminApiParts, logger: Logger): readonly ServedMethod[] {
  const { config, parts, identity, clusters, keysets, rewrap, agents } = all;
  const { deploymentId, deploymentName, trustDomainId } = identity;
  const trustDomain = identity.trustDomain.name;
  const bundle = () => bundleOf(keysets.state.value.ring, trustDomain);
  const deployment = {
    ...{ trustDomain, trustDomainId, deploymentId, deploymentName },
    bundleEndpoint: '',
    serverVersion: parts.version,
    preparationThresholdMs: config.keyset.preparationThreshold,
    activationThresholdMs: config.keyset.activationThreshold,
  };
  return [
    ...keysetAdmin({
      ...{ keysets, rewrap, deployment },
      svidsPerKeyset: () => agents.svidsPerKeyset(),
      bundleSequence: () => bundle().sequence,
    }),
    ...clusterAdmin({ clusters, streams: agents, trustDomain, logger }),
    ...configAdmin({ config: all.managed, clusters, deploymentId, logger }),
    ...bundleEndpoint({ bundle, clusters }),
  ];
}
