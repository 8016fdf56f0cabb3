import type { Attributes } from '../../../src/domain/attributes.js';
import { compilePolicy } from '../../../server-stub/src/policy/compile-policy.js';
import type { IssuancePolicy, PolicyInput } from '../../../server-stub/src/policy/issuance-policy.js';
import type { PolicyOptions } from '../../../server-stub/src/policy/policy-options.js';

export const HOUR = 3_600_000;
export const linux: PolicyOptions = {
  platform: 'linux',
  x509TtlMs: 24 * HOUR,
  jwtTtlMs: 24 * HOUR,
  ttlFloor: 'production',
};

/** A policy with this path template. */
export const pathPolicy = (pathTemplate: string): IssuancePolicy => compilePolicy({ policy: { pathTemplate } }, linux);

export const input = (attributes: Attributes, clusterName = 'prod'): PolicyInput => ({
  attributes,
  session: { clusterId: 'c-abc', clusterName },
  trustDomain: 'example.org',
});

/** SPIFFE ID, or the refusal's sentence. */
export function idOf(policy: IssuancePolicy, attributes: Attributes, clusterName?: string): string {
  return policy.decideX509(input(attributes, clusterName)).spiffeId.toString();
}
