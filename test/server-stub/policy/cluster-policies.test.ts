import test from 'ava';
import { SpirlError } from '../../../src/runtime/errors.js';
import { ClusterPolicies, type PolicySource } from '../../../server-stub/src/policy/cluster-policies.js';
import { HOUR, idOf } from './policy-of.js';

const options = { x509TtlMs: 24 * HOUR, jwtTtlMs: 24 * HOUR, ttlFloor: 'production' } as const;

function sourceOf(specs: Map<string, unknown>): PolicySource {
  return {
    policySection: (clusterId) => {
      if (!specs.has(clusterId)) throw new SpirlError('NOT_FOUND', `no cluster ${clusterId}`);
      return { platform: 'linux', spec: specs.get(clusterId) };
    },
  };
}

test('a policy is compiled once and again when its section changes', (t) => {
  const specs = new Map<string, unknown>([['c-1', undefined]]);
  const policies = new ClusterPolicies(sourceOf(specs), options);
  const first = policies.policyOf('c-1');
  t.is(policies.policyOf('c-1'), first);
  specs.set('c-1', { policy: { pathTemplate: '/new' } });
  t.is(idOf(policies.policyOf('c-1'), {}), 'spiffe://example.org/new');
  specs.set('c-1', undefined);
  t.deepEqual(policies.policyOf('c-1').reads, ['linux.user.name']);
});

test('a stored section that is not valid here gives no identities rather than wrong ones', (t) => {
  const policies = new ClusterPolicies(sourceOf(new Map([['c-1', { policy: { x509: { ttl: '10s' } } }]])), options);
  t.like(
    t.throws(() => policies.policyOf('c-1')),
    { code: 'UNAVAILABLE' },
  );
});

test('an unknown cluster has no policy', (t) => {
  const policies = new ClusterPolicies(sourceOf(new Map()), options);
  t.like(
    t.throws(() => policies.policyOf('c-2')),
    { code: 'NOT_FOUND' },
  );
});
