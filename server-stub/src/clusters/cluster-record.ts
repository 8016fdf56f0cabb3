import { createPublicKey, type KeyObject } from 'node:crypto';
import { SpirlError } from 'spirl-agent/runtime/errors.js';

const FORMAT = 1;
const NAME = /^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$/;
export const PLATFORMS = ['k8s', 'linux'] as const;
export type Platform = (typeof PLATFORMS)[number];

/** A public key by which the agents of a cluster prove that they belong to it. */
export interface ClusterKey {
  /** `cv-…` */
  readonly id: string;
  /** SubjectPublicKeyInfo, DER; Ed25519. */
  readonly spki: Buffer;
  readonly publicKey: KeyObject;
  readonly addedAt: number;
}

/** The unit in which agents are registered and configured. Immutable. Times are milliseconds since the epoch. */
export interface Cluster {
  readonly id: string;
  readonly name: string;
  readonly platform: Platform;
  readonly registeredAt: number;
  /** Oldest first. */
  readonly keys: readonly ClusterKey[];
}

/** An agent that logged in. Immutable. */
export interface AgentRecord {
  readonly id: string;
  readonly clusterId: string;
  /** The cluster key that proved it. */
  readonly clusterVersionId: string;
  readonly version: string;
  readonly nodeName: string;
  readonly loggedInAt: number;
  readonly sessionExpiresAt: number;
  readonly evictedAt?: number;
}

/** Throws INVALID_REQUEST. The name goes into SPIFFE IDs, so it is held to what a path segment and a DNS label allow. */
export function parseClusterName(name: string): string {
  if (NAME.test(name)) return name;
  throw new SpirlError(
    'INVALID_REQUEST',
    `not a cluster name: ${JSON.stringify(name.slice(0, 100))} (1 to 63 of a-z, 0-9, '.', '-', '_', no sign at either end)`,
  );
}

/** Throws INVALID_REQUEST. */
export function parsePlatform(platform: string): Platform {
  const found = PLATFORMS.find((known) => known === platform);
  if (found !== undefined) return found;
  throw new SpirlError('INVALID_REQUEST', `not a platform: ${JSON.stringify(platform.slice(0, 100))} (k8s, linux)`);
}

/** Throws INVALID_REQUEST unless `spki` is an Ed25519 public key. */
export function parseClusterKey(spki: Uint8Array): KeyObject {
  try {
    const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    // Falls through: it is told apart from no other wrong key.
  }
  throw new SpirlError('INVALID_REQUEST', 'a cluster key must be an Ed25519 public key (SubjectPublicKeyInfo, DER)');
}

export function encodeCluster(cluster: Cluster): object {
  const keys = cluster.keys.map((key) => ({ id: key.id, spki: key.spki.toString('base64'), addedAt: key.addedAt }));
  return { format: FORMAT, ...cluster, keys };
}

/** Throws STORE_CORRUPT. */
export function decodeCluster(name: string, value: unknown): Cluster {
  const stored = parseRecord(name, value) as Omit<Cluster, 'keys'> & {
    keys: { id: string; spki: string; addedAt: number }[];
  };
  try {
    const keys = stored.keys.map(({ id, spki, addedAt }) => {
      const der = Buffer.from(spki, 'base64');
      return { id, spki: der, publicKey: parseClusterKey(der), addedAt };
    });
    const { id, platform, registeredAt } = stored;
    return { id, name: parseClusterName(stored.name), platform: parsePlatform(platform), registeredAt, keys };
  } catch (error) {
    throw new SpirlError('STORE_CORRUPT', `the record ${name} cannot be read`, { cause: error });
  }
}

export function encodeAgent(agent: AgentRecord): object {
  return { format: FORMAT, ...agent };
}

/** Throws STORE_CORRUPT. */
export function decodeAgent(name: string, value: unknown): AgentRecord {
  const stored = parseRecord(name, value) as AgentRecord;
  const texts = [stored.id, stored.clusterId, stored.clusterVersionId, stored.version, stored.nodeName];
  const times = [stored.loggedInAt, stored.sessionExpiresAt, stored.evictedAt ?? 0];
  if (texts.some((text) => typeof text !== 'string') || !times.every(Number.isFinite)) {
    throw new SpirlError('STORE_CORRUPT', `the record ${name} cannot be read`);
  }
  const { id, clusterId, clusterVersionId, version, nodeName, loggedInAt, sessionExpiresAt, evictedAt } = stored;
  const agent = { id, clusterId, clusterVersionId, version, nodeName, loggedInAt, sessionExpiresAt };
  return evictedAt === undefined ? agent : { ...agent, evictedAt };
}

function parseRecord(name: string, value: unknown): unknown {
  if (typeof value === 'object' && value !== null && (value as { format?: unknown }).format === FORMAT) return value;
  throw new SpirlError('STORE_CORRUPT', `the record ${name} has an unknown format (expected format ${FORMAT})`);
}
