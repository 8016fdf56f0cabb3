import test from 'ava';
import type { AgentSession } from '../../../server-stub/src/domain/agent-session.js';
import { createOcsfAudit, type AuditedKeysetStep } from '../../../server-stub/src/telemetry/audit.js';
import { FakeClock } from '../../fakes/fake-clock.js';

const session: AgentSession = {
  agentId: 'a-1',
  clusterId: 'c-1',
  clusterName: 'edge',
  clusterVersionId: 'cv-1',
  expiresAt: 0,
};

function setUp(cloudProvider = '') {
  const lines: string[] = [];
  const source = {
    version: '0.38.0',
    cloudProvider,
    cloudRegion: 'eu-1',
    cloudAccount: '',
    trustDomainId: 'td-1',
    trustDomainDeploymentId: 'tdd-1',
  };
  const audit = createOcsfAudit(source, new FakeClock(1000), (line) => lines.push(line));
  const last = (): Record<string, unknown> => JSON.parse(lines.at(-1) ?? '') as Record<string, unknown>;
  return { audit, lines, last };
}

test('a mint is an Authentication event of one line', (t) => {
  const { audit, lines, last } = setUp();
  const spiffeId = 'spiffe://example.org/edge/root';
  audit.minted({ type: 'x509', session, code: 'OK', spiffeId, serial: '0a', keysetId: 'ks_1' });
  t.is(lines.length, 1);
  t.true(lines[0]?.endsWith('}\n'));
  t.deepEqual(last(), {
    metadata: {
      version: '1.8.0',
      product: { name: 'spirl-server', version: '0.38.0' },
      tags: [
        { name: 'trust_domain_id', value: 'td-1' },
        { name: 'trust_domain_deployment_id', value: 'tdd-1' },
        { name: 'cluster_id', value: 'c-1' },
        { name: 'cluster_version_id', value: 'cv-1' },
        { name: 'key_set_id', value: 'ks_1' },
      ],
    },
    time: 1000,
    category_uid: 3,
    category_name: 'Identity & Access Management',
    class_uid: 3002,
    class_name: 'Authentication',
    activity_id: 1,
    activity_name: 'Logon',
    type_uid: 300201,
    severity_id: 1,
    severity: 'Informational',
    status_id: 1,
    status: 'Success',
    message: 'SPIFFE X.509-SVID minted',
    auth_protocol: 'SPIFFE X.509-SVID',
    auth_protocol_id: 99,
    actor: { user: { uid: 'a-1' } },
    user: { name: spiffeId, credential_uid: '0a' },
    service: { name: 'spirl-server' },
    api: { operation: '/com.spirl.agent.v1.agent.API/MintX509SVIDs' },
  });
});

test('a rewrap is of the whole key ring, which the deployment names', (t) => {
  const { audit, last } = setUp();
  const event = { operation: 'Rewrapped', operator: { name: 'uid:0' }, at: 77 } as const;
  const told = [
    { outcome: 'Done', message: 'Key ring rewrapped', code: undefined },
    { outcome: 'Unchanged', message: 'Key ring rewrapped', code: 'Unchanged' },
    { outcome: 'Failed', message: 'Key ring not rewrapped', code: 'Internal' },
  ] as const;
  for (const { outcome, message, code } of told) {
    audit.keysetChanged({ ...event, outcome });
    t.like(last(), { class_uid: 3004, activity_id: 3, activity_name: 'Update', message, status_code: code, time: 77 });
    t.deepEqual(last()['entity'], { uid: 'tdd-1', type: 'Key Ring' });
    t.deepEqual(last()['actor'], { user: { name: 'uid:0' } });
  }
});

test('a mint that failed before there was an identity has the user unknown and the gRPC code', (t) => {
  const { audit, last } = setUp('aws');
  audit.minted({ type: 'jwt', session, code: 'PermissionDenied' });
  const { user, status_id, status_code, severity_id, cloud } = last();
  t.deepEqual(user, { name: 'unknown' });
  t.deepEqual([status_id, status_code, severity_id], [2, 'PermissionDenied', 3]);
  t.deepEqual(cloud, { provider: 'aws', region: 'eu-1' });
});

const steps: readonly { step: Partial<AuditedKeysetStep>; activity: number; message: string; code?: string }[] = [
  { step: { operation: 'Prepared' }, activity: 1, message: 'Key set prepared' },
  {
    step: { operation: 'Activated', replacedKeysetId: 'ks_0' },
    activity: 10,
    message: 'Key set activated in place of ks_0',
  },
  { step: { operation: 'Tainted' }, activity: 3, message: 'Key set tainted' },
  { step: { operation: 'Tainted', outcome: 'Unchanged' }, activity: 3, message: 'Key set tainted', code: 'Unchanged' },
  { step: { operation: 'Removed' }, activity: 4, message: 'Key set removed' },
  { step: { operation: 'Retired' }, activity: 4, message: 'Key set retired' },
  {
    step: { operation: 'Tainted', outcome: 'Failed', code: 'KEYSET_TRANSITION_REFUSED' },
    activity: 3,
    message: 'Key set not tainted',
    code: 'FailedPrecondition',
  },
];
for (const { step, activity, message, code } of steps) {
  test(`${message}${code === undefined ? '' : ` (${code})`} is an Entity Management event with its caller`, (t) => {
    const { audit, last } = setUp();
    const operator = { name: 'uid:0' };
    audit.keysetChanged({ operation: 'Prepared', keysetId: 'ks_1', operator, outcome: 'Done', at: 77, ...step });
    const event = last();
    t.is(event['class_uid'], 3004);
    t.is(event['activity_id'], activity);
    t.is(event['type_uid'], 300_400 + activity);
    t.is(event['message'], message);
    t.is(event['status_code'], code);
    t.is(event['time'], 77);
    t.deepEqual(event['actor'], { user: { name: 'uid:0' } });
    t.deepEqual(event['entity'], { uid: 'ks_1', type: 'Key Set' });
  });
}
