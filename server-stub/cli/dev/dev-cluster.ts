import { userInfo } from 'node:os';
import { status } from '@grpc/grpc-js';
import type { AdminClient } from '../admin-client.js';
import { createClusterKey } from '../cluster-key.js';
import { isServiceError } from '../failure.js';
import { writePrivate, writeState, type DevFiles, type DevState } from './dev-files.js';

const CLUSTER = 'dev';

/** For a user without a name, which the default path of an identity needs. */
const NAMELESS_POLICY = `section: SVIDIssuancePolicy
schema: v1
spec:
  policy:
    pathTemplate: "/{{node_group.name}}/uid/{{linux.user.id}}"
`;

/** The cluster of the agent, registered at the first start; its key stays in the directory (0600). */
export async function ensureCluster(
  client: AdminClient,
  files: DevFiles,
  state: DevState,
): Promise<Required<DevState>> {
  const { clusterId, clusterVersionId } = state;
  if (clusterId !== undefined && clusterVersionId !== undefined) return { ...state, clusterId, clusterVersionId };
  const key = createClusterKey();
  await writePrivate(files.clusterKey, key.privateKeyPem);
  const ids = await register(client, state.trustDomain, key.publicKey);
  if (!hasUserName()) await allowNameless(client, ids.clusterId);
  const complete = { ...state, ...ids };
  await writeState(files.dir, complete);
  return complete;
}

async function register(
  client: AdminClient,
  trustDomain: string,
  publicKey: Buffer,
): Promise<{ clusterId: string; clusterVersionId: string }> {
  try {
    const { clusterId, clusterVersionId } = await client.call('cluster.RegisterCluster', {
      name: CLUSTER,
      trustDomain,
      platform: 'linux',
      publicKey,
    });
    return { clusterId, clusterVersionId };
  } catch (error) {
    // A first start that ended between registering and noting it: the cluster is there, its key is not.
    if (!isServiceError(error) || error.code !== status.ALREADY_EXISTS) throw error;
    const { clusters } = await client.call('cluster.ListClusters', { trustDomain });
    const clusterId = clusters.find(({ name }) => name === CLUSTER)?.id ?? '';
    const { clusterVersionId } = await client.call('cluster.AddClusterKey', { clusterId, publicKey });
    return { clusterId, clusterVersionId };
  }
}

async function allowNameless(client: AdminClient, id: string): Promise<void> {
  await client.call('config.UpdateConfig', {
    scope: { kind: 'cluster', id },
    sectionUpdates: [NAMELESS_POLICY],
    prune: false,
    expectedVersion: '',
    validateOnly: false,
  });
}

function hasUserName(): boolean {
  try {
    return userInfo().username !== '';
  } catch {
    return false;
  }
}
