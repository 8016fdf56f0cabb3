import type { ServerInterceptor } from '@grpc/grpc-js';
import type { OnUnexpected } from 'spirl-agent/runtime/grpc-adapter.js';
import type { Latest } from 'spirl-agent/runtime/latest.js';
import { AdminListener } from './api/admin-listener.js';
import { addBundleEndpoint } from './api/bundle-endpoint.js';
import type { TrustSnapshot } from './api/cluster-states.js';
import type { ConnectedAgents } from './api/bundle-sync-agents.js';
import { addClusterAdmin } from './api/cluster-admin.js';
import { addConfigAdmin } from './api/config-admin.js';
import { addKeysetAdmin, type Rewrap } from './api/keyset-admin.js';
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
  readonly interceptors: readonly ServerInterceptor[];
  readonly onUnexpected: OnUnexpected;
}

/** What operators reach, on the admin socket. Listening when this resolves. */
export async function openAdminApi(all: AdminApiParts): Promise<AdminListener> {
  const { config, parts, identity, clusters, keysets, agents, onUnexpected } = all;
  const logger = parts.logger.named('admin');
  const { deploymentId, deploymentName, trustDomainId } = identity;
  const trustDomain = identity.trustDomain.name;
  const listener = new AdminListener({
    path: config.adminSocket,
    ownUid: parts.ownUid,
    logger,
    interceptors: all.interceptors,
  });
  const { grpc } = listener.grpc;
  const bundle = () => bundleOf(keysets.state.value.ring, trustDomain);
  addKeysetAdmin(grpc, {
    keysets,
    rewrap: all.rewrap,
    deployment: {
      ...{ trustDomain, trustDomainId, deploymentId, deploymentName },
      bundleEndpoint: '',
      serverVersion: parts.version,
      preparationThresholdMs: config.keyset.preparationThreshold,
      activationThresholdMs: config.keyset.activationThreshold,
    },
    svidsPerKeyset: () => agents.svidsPerKeyset(),
    bundleSequence: () => bundle().sequence,
    onUnexpected,
  });
  addClusterAdmin(grpc, { ...{ clusters, streams: agents, trustDomain, logger, onUnexpected } });
  addConfigAdmin(grpc, { ...{ config: all.managed, clusters, deploymentId, logger, onUnexpected } });
  addBundleEndpoint(grpc, { ...{ bundle, clusters, onUnexpected } });
  await listener.listen();
  return listener;
}
