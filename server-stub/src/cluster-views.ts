import { createHash } from 'node:crypto';
import { hasCode } from 'spirl-agent/runtime/errors.js';
import type { Latest } from 'spirl-agent/runtime/latest.js';
import type { BundleSyncOptions } from './api/bundle-sync.js';
import type { ClusterRegistry } from './clusters/cluster-registry.js';
import { agentSections, clusterSection, configOf, type ManagedConfigState } from './config/managed-config-state.js';
import { ClusterPolicies, type PolicySource } from './policy/cluster-policies.js';
import type { PolicyOptions } from './policy/policy-options.js';

export type PolicyDefaults = Omit<PolicyOptions, 'platform'>;

/** The issuance policy of each cluster: its platform's default, or its section `SVIDIssuancePolicy`. */
export function createClusterPolicies(
  clusters: ClusterRegistry,
  managed: Latest<ManagedConfigState>,
  defaults: PolicyDefaults,
): ClusterPolicies {
  return new ClusterPolicies(policySource(clusters, managed), defaults);
}

/** What the agents of each cluster are told of its policy and its managed sections, as it is now. */
export function createClusterViews(
  clusters: ClusterRegistry,
  managed: Latest<ManagedConfigState>,
  policies: ClusterPolicies,
  defaults: PolicyDefaults,
): BundleSyncOptions['clusters'] {
  const source = policySource(clusters, managed);
  return {
    view: (clusterId) => ({
      policy: {
        version: contentVersion({ ...source.policySection(clusterId), defaults }),
        reads: readsOf(policies, clusterId),
      },
      sections: agentSections(managed.value, clusterId),
    }),
    subscribe: (clusterId, changed, signal) => {
      const present = (): unknown => configOf(managed.value, { kind: 'cluster', id: clusterId }).version;
      let known = present();
      managed.subscribe(() => {
        if (present() === known) return;
        known = present();
        changed();
      }, signal);
    },
  };
}

/** What the policy reads; where it cannot be used at all, everything counts, and issuance says why. */
function readsOf(policies: ClusterPolicies, clusterId: string): readonly string[] {
  try {
    return policies.policyOf(clusterId).reads;
  } catch (error) {
    if (hasCode(error, 'UNAVAILABLE')) return ['*'];
    throw error;
  }
}

function policySource(clusters: ClusterRegistry, managed: Latest<ManagedConfigState>): PolicySource {
  return {
    policySection: (clusterId) => ({
      platform: clusters.require(clusterId).platform,
      spec: clusterSection(managed.value, clusterId, 'SVIDIssuancePolicy')?.spec,
    }),
  };
}

/** The same number for the same content, on every replica and after every restart; 48 bits, which a double holds. */
function contentVersion(content: object): number {
  return createHash('sha256').update(JSON.stringify(content)).digest().readUIntBE(0, 6);
}
