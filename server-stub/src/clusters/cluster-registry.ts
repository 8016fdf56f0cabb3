import { createHash, type KeyObject } from 'node:crypto';
import type { Clock } from 'spirl-agent/runtime/clock.js';
import { hasCode, SpirlError } from 'spirl-agent/runtime/errors.js';
import { Latest } from 'spirl-agent/runtime/latest.js';
import type { Logger } from 'spirl-agent/runtime/logger.js';
import { randomId } from 'spirl-agent/runtime/random-id.js';
import type { RecordStore } from '../domain/record-store.js';
import { AgentRegistry } from './agent-registry.js';
import {
  type AgentRecord,
  type Cluster,
  type ClusterKey,
  decodeCluster,
  encodeCluster,
  parseClusterKey,
  parseClusterName,
  parsePlatform,
} from './cluster-record.js';

/** Adding one more deletes the oldest, whose agents then cannot authenticate any more. */
export const MAX_CLUSTER_KEYS = 10;
const MAX_CLUSTERS = 10_000;
const ATTEMPTS = 5;

export interface ClusterRegistryOptions {
  readonly store: RecordStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly trustDomain: string;
}

/** An agent at its login, as far as it is known before its session certificate is issued. */
export type AgentLogin = Pick<AgentRecord, 'id' | 'clusterId' | 'clusterVersionId' | 'version' | 'nodeName'>;

/** Clusters, their keys, agents and evictions. Reads are answered from memory; a write is durable when it resolves. */
export class ClusterRegistry {
  readonly agents: AgentRegistry;
  /** A new version each time something that was allowed is allowed no more: open streams look again. */
  readonly revocations = new Latest<{ readonly version: number }>({ version: 1 });
  readonly #options: ClusterRegistryOptions;
  readonly #clusters: Map<string, Cluster>;

  private constructor(options: ClusterRegistryOptions, clusters: Map<string, Cluster>, agents: AgentRegistry) {
    this.#options = options;
    this.#clusters = clusters;
    this.agents = agents;
  }

  /** Throws STORE_FAILED, STORE_CORRUPT. */
  static async open(options: ClusterRegistryOptions): Promise<ClusterRegistry> {
    const clusters = new Map<string, Cluster>();
    for (const name of await options.store.list('clusters/')) {
      const record = await options.store.read(name);
      if (record === undefined) continue;
      const cluster = decodeCluster(name, record.value);
      clusters.set(cluster.id, cluster);
    }
    return new ClusterRegistry(options, clusters, await AgentRegistry.open(options));
  }

  /** Throws INVALID_REQUEST, ALREADY_EXISTS, LIMIT_REACHED, STORE_FAILED. */
  async register(request: {
    readonly name: string;
    readonly platform: string;
    /** Ed25519 SPKI, DER. */
    readonly publicKey: Uint8Array;
  }): Promise<{ clusterId: string; clusterVersionId: string }> {
    const { store, clock, trustDomain } = this.#options;
    const name = parseClusterName(request.name);
    const platform = parsePlatform(request.platform);
    const key = newKey(request.publicKey, clock.now());
    const taken = new SpirlError('ALREADY_EXISTS', `a cluster named ${name} is registered already`);
    if (this.findByName(name) !== undefined) throw taken;
    if (this.#clusters.size >= MAX_CLUSTERS) {
      throw new SpirlError('LIMIT_REACHED', `${MAX_CLUSTERS} clusters are registered already`);
    }
    const id = clusterIdOf(trustDomain, name);
    const cluster: Cluster = { id, name, platform, registeredAt: clock.now(), keys: [key] };
    try {
      await store.write(`clusters/${id}`, encodeCluster(cluster), undefined);
    } catch (error) {
      throw hasCode(error, 'VERSION_MISMATCH') ? taken : error;
    }
    this.#clusters.set(id, cluster);
    return { clusterId: id, clusterVersionId: key.id };
  }

  /** By name. */
  list(): readonly Cluster[] {
    return [...this.#clusters.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  find(clusterId: string): Cluster | undefined {
    return this.#clusters.get(clusterId);
  }

  findByName(name: string): Cluster | undefined {
    return [...this.#clusters.values()].find((cluster) => cluster.name === name);
  }

  /** Throws NOT_FOUND. */
  require(clusterId: string): Cluster {
    const cluster = this.#clusters.get(clusterId);
    if (cluster === undefined) throw new SpirlError('NOT_FOUND', `unknown cluster ${clusterId.slice(0, 100)}`);
    return cluster;
  }

  /** The public key behind a cluster version, while it is valid. */
  publicKey(clusterId: string, clusterVersionId: string): KeyObject | undefined {
    return this.#clusters.get(clusterId)?.keys.find((key) => key.id === clusterVersionId)?.publicKey;
  }

  /** The eleventh key deletes the oldest (`deleted`). Throws NOT_FOUND, INVALID_REQUEST, ALREADY_EXISTS, STORE_FAILED. */
  async addKey(clusterId: string, publicKey: Uint8Array): Promise<{ clusterVersionId: string; deleted?: string }> {
    const key = newKey(publicKey, this.#options.clock.now());
    let deleted: string | undefined;
    await this.#update(clusterId, (cluster) => {
      if (cluster.keys.some((known) => known.spki.equals(key.spki))) {
        throw new SpirlError('ALREADY_EXISTS', 'this cluster has that key already');
      }
      const keys = [...cluster.keys, key];
      deleted = keys.length > MAX_CLUSTER_KEYS ? keys[0]?.id : undefined;
      return { ...cluster, keys: keys.slice(-MAX_CLUSTER_KEYS) };
    });
    if (deleted === undefined) return { clusterVersionId: key.id };
    this.#revoked();
    this.#options.logger.warn('the oldest cluster key was deleted to make room', { clusterId, deleted });
    return { clusterVersionId: key.id, deleted };
  }

  /** Ends the sessions of the agents that it proved. Throws NOT_FOUND, STORE_FAILED. */
  async deleteKey(clusterId: string, clusterVersionId: string): Promise<void> {
    await this.#update(clusterId, (cluster) => {
      const keys = cluster.keys.filter((key) => key.id !== clusterVersionId);
      if (keys.length === cluster.keys.length) {
        throw new SpirlError('NOT_FOUND', `cluster ${cluster.name} has no key ${clusterVersionId.slice(0, 100)}`);
      }
      return { ...cluster, keys };
    });
    this.#revoked();
  }

  /** Agents of one cluster, or of all; latest login first. Throws NOT_FOUND. */
  listAgents(clusterId?: string): readonly AgentRecord[] {
    if (clusterId === undefined) return this.agents.list();
    this.require(clusterId);
    return this.agents.list().filter((agent) => agent.clusterId === clusterId);
  }

  /** Records a login whose session ends at `sessionExpiresAt`. Throws LIMIT_REACHED, STORE_FAILED. */
  async recordLogin(login: AgentLogin, sessionExpiresAt: number): Promise<void> {
    await this.agents.add({ ...login, loggedInAt: this.#options.clock.now(), sessionExpiresAt });
  }

  /** Throws NOT_FOUND, STORE_FAILED. */
  async recordRenewal(agentId: string, version: string, sessionExpiresAt: number): Promise<void> {
    await this.agents.update(agentId, (agent) => ({ ...agent, version, sessionExpiresAt }));
  }

  /**
   * Ends an agent's session, also an open one. The agent may log in again with its cluster key, as a new agent; to keep it
   * out, delete the key. Throws NOT_FOUND, STORE_FAILED.
   */
  async evict(agentId: string): Promise<void> {
    const now = this.#options.clock.now();
    await this.agents.update(agentId, (agent) => ({ ...agent, evictedAt: agent.evictedAt ?? now }));
    this.#revoked();
  }

  /** Forgets agents whose sessions have ended, for ever. */
  async run(signal: AbortSignal): Promise<void> {
    await this.agents.run(signal);
  }

  async #update(clusterId: string, change: (cluster: Cluster) => Cluster): Promise<void> {
    const { store } = this.#options;
    const name = `clusters/${this.require(clusterId).id}`;
    for (let attempt = 1; ; attempt++) {
      const record = await store.read(name);
      if (record === undefined) throw new SpirlError('NOT_FOUND', `unknown cluster ${clusterId}`);
      const cluster = change(decodeCluster(name, record.value));
      try {
        await store.write(name, encodeCluster(cluster), record.version);
        this.#clusters.set(clusterId, cluster);
        return;
      } catch (error) {
        if (!hasCode(error, 'VERSION_MISMATCH') || attempt === ATTEMPTS) throw error;
      }
    }
  }

  #revoked(): void {
    this.revocations.publish({ version: this.revocations.value.version + 1 });
  }
}

/** Derived from the name, so that two replicas that register one name at once meet in one record, and one of them loses. */
function clusterIdOf(trustDomain: string, name: string): string {
  const digest = createHash('sha256').update(`${trustDomain}/${name}`).digest();
  return `c-${digest.readBigUInt64BE().toString(36).padStart(13, '0').slice(-12)}`;
}

function newKey(publicKey: Uint8Array, now: number): ClusterKey {
  const spki = Buffer.from(publicKey);
  return { id: randomId('cv-'), spki, publicKey: parseClusterKey(spki), addedAt: now };
}
