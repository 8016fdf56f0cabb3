import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { InvalidConfigError } from 'spirl-agent/runtime/problems.js';
import { compilePolicy } from './compile-policy.js';
import type { IssuancePolicy } from './issuance-policy.js';
import type { PolicyOptions, PolicyPlatform } from './policy-options.js';

/** Policies kept compiled; one per cluster. */
const MAX_COMPILED = 1024;

/** Where a cluster's policy comes from: the cluster's platform, and its SVIDIssuancePolicy section if it has one. */
export interface PolicySource {
  /** Throws NOT_FOUND for a cluster that is not registered. `spec` is the same object until the section changes. */
  policySection(clusterId: string): { readonly platform: PolicyPlatform; readonly spec: unknown };
}

interface Compiled {
  readonly platform: PolicyPlatform;
  readonly spec: unknown;
  readonly policy: IssuancePolicy;
}

/** The policy of each cluster, compiled when it is first asked for and again when its section changes. */
export class ClusterPolicies {
  readonly #source: PolicySource;
  readonly #options: Omit<PolicyOptions, 'platform'>;
  readonly #compiled = new Map<string, Compiled>();

  constructor(source: PolicySource, options: Omit<PolicyOptions, 'platform'>) {
    this.#source = source;
    this.#options = options;
  }

  /** Throws NOT_FOUND, and UNAVAILABLE when the section that is stored is not valid on this server. */
  policyOf(clusterId: string): IssuancePolicy {
    const { platform, spec } = this.#source.policySection(clusterId);
    const known = this.#compiled.get(clusterId);
    if (known?.platform === platform && known.spec === spec) return known.policy;
    const policy = this.#compile(clusterId, spec, platform);
    const oldest = this.#compiled.size >= MAX_COMPILED ? this.#compiled.keys().next().value : undefined;
    if (oldest !== undefined) this.#compiled.delete(oldest);
    this.#compiled.set(clusterId, { platform, spec, policy });
    return policy;
  }

  #compile(clusterId: string, spec: unknown, platform: PolicyPlatform): IssuancePolicy {
    try {
      return compilePolicy(spec, { ...this.#options, platform });
    } catch (cause) {
      if (!(cause instanceof InvalidConfigError)) throw cause;
      // It was valid when it was set; a server setting (labTtl) has changed since. Guessing another policy would issue wrongly.
      throw new SpirlError('UNAVAILABLE', `the issuance policy of cluster ${clusterId} is not valid on this server`, {
        cause,
      });
    }
  }
}
