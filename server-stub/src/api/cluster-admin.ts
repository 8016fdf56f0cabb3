import { createHash } from 'node:crypto';
import { loadDefinition } from 'spirl-agent/runtime/service-definition.js';
import type { Logger } from 'spirl-agent/runtime/logger.js';
import type { Operator } from '../domain/operator.js';
import { adminMethods } from './admin-caller.js';
import type { SvidsPerKeyset } from './admin-messages.js';
import { requireTrustDomain } from './keyset-admin.js';
import type { ServedMethod } from './rpc-methods.js';

/** A registered cluster. Times are milliseconds since the epoch. */
export interface ClusterFacts {
  readonly id: string;
  readonly name: string;
  readonly platform: string;
  readonly registeredAt: number;
  readonly keys: readonly { readonly id: string; readonly spki: Uint8Array; readonly addedAt: number }[];
}

export interface AgentFacts {
  readonly id: string;
  readonly clusterId: string;
  readonly version: string;
  readonly nodeName: string;
  readonly loggedInAt: number;
  readonly sessionExpiresAt: number;
  readonly evictedAt?: number;
}

export interface Clusters {
  register(request: {
    readonly name: string;
    readonly platform: string;
    readonly publicKey: Uint8Array;
  }): Promise<{ readonly clusterId: string; readonly clusterVersionId: string }>;
  list(): readonly ClusterFacts[];
  /** Throws NOT_FOUND. */
  require(clusterId: string): ClusterFacts;
}

export interface ClusterKeys {
  addKey(clusterId: string, publicKey: Uint8Array): Promise<{ readonly clusterVersionId: string }>;
  deleteKey(clusterId: string, clusterVersionId: string): Promise<void>;
}

export interface ClusterAgents {
  listAgents(clusterId?: string): readonly AgentFacts[];
  evict(agentId: string): Promise<void>;
}

/** What agents with an open stream last said, by agent id. */
export interface AgentStreams {
  list(): ReadonlyMap<string, { readonly acknowledgedRevision: number; readonly svidsPerKeyset: SvidsPerKeyset }>;
}

export interface ClusterAdminOptions {
  readonly clusters: Clusters & ClusterKeys & ClusterAgents;
  readonly streams: AgentStreams;
  readonly trustDomain: string;
  readonly logger: Logger;
}

/** `com.spirl.api.v1.cluster.API` */
export function clusterAdmin(options: ClusterAdminOptions): readonly ServedMethod[] {
  const { clusters, logger } = options;
  const note = (what: string, { name }: Operator, fields: object): void => {
    logger.info(what, { operator: name, ...fields });
  };
  const definition = loadDefinition('spirl/admin/v1/cluster.proto', 'com.spirl.api.v1.cluster.API');
  return adminMethods(definition, {
    RegisterCluster: async (
      { name, trustDomain, platform, publicKey }: WireRegistration,
      { operator }: { operator: Operator },
    ) => {
      requireTrustDomain(options.trustDomain, trustDomain);
      const registered = await clusters.register({ name, platform, publicKey });
      note('Cluster registered', operator, { name, ...registered });
      return registered;
    },
    ListClusters: ({ trustDomain }: { trustDomain: string }) => {
      requireTrustDomain(options.trustDomain, trustDomain || options.trustDomain);
      const agents = clusters.listAgents();
      return { clusters: clusters.list().map((cluster) => clusterMessage(cluster, agents)) };
    },
    AddClusterKey: async (
      { clusterId, publicKey }: { clusterId: string; publicKey: Buffer },
      { operator }: { operator: Operator },
    ) => {
      const { clusterVersionId } = await clusters.addKey(clusterId, publicKey);
      note('Cluster key added', operator, { clusterId, clusterVersionId });
      return { clusterVersionId };
    },
    ListClusterKeys: ({ clusterId }: { clusterId: string }) => ({
      keys: clusters.require(clusterId).keys.map(keyMessage),
    }),
    DeleteClusterKey: async (
      { clusterId, clusterVersionId }: { clusterId: string; clusterVersionId: string },
      { operator }: { operator: Operator },
    ) => {
      await clusters.deleteKey(clusterId, clusterVersionId);
      note('Cluster key deleted', operator, { clusterId, clusterVersionId });
      return {};
    },
    ListAgents: ({ clusterId }: { clusterId: string }) => ({ agents: agentMessages(options, clusterId) }),
    EvictAgent: async ({ agentId }: { agentId: string }, { operator }: { operator: Operator }) => {
      await clusters.evict(agentId);
      note('Agent evicted', operator, { agentId });
      return {};
    },
  });
}

interface WireRegistration {
  readonly name: string;
  readonly trustDomain: string;
  readonly platform: string;
  readonly publicKey: Buffer;
}

function clusterMessage(cluster: ClusterFacts, agents: readonly AgentFacts[]): object {
  return {
    id: cluster.id,
    name: cluster.name,
    platform: cluster.platform,
    registeredAtMs: cluster.registeredAt,
    keys: cluster.keys.length,
    agents: agents.filter(({ clusterId, evictedAt }) => clusterId === cluster.id && evictedAt === undefined).length,
  };
}

function keyMessage({ id, spki, addedAt }: ClusterFacts['keys'][number]): object {
  return { clusterVersionId: id, addedAtMs: addedAt, fingerprint: createHash('sha256').update(spki).digest('hex') };
}

/** Evicted agents have no session and are not listed. */
function agentMessages({ clusters, streams }: ClusterAdminOptions, clusterId: string): readonly object[] {
  const names = new Map(clusters.list().map(({ id, name }) => [id, name]));
  const connected = streams.list();
  return clusters
    .listAgents(clusterId === '' ? undefined : clusterId)
    .filter(({ evictedAt }) => evictedAt === undefined)
    .map((agent) => ({
      id: agent.id,
      clusterId: agent.clusterId,
      clusterName: names.get(agent.clusterId) ?? '',
      version: agent.version,
      nodeName: agent.nodeName,
      loggedInAtMs: agent.loggedInAt,
      sessionExpiresAtMs: agent.sessionExpiresAt,
      connected: connected.has(agent.id),
      acknowledgedRevision: connected.get(agent.id)?.acknowledgedRevision ?? 0,
      svidsPerKeyset: connected.get(agent.id)?.svidsPerKeyset ?? {},
    }));
}
