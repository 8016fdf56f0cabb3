import { status } from '@grpc/grpc-js';
import test from 'ava';
import { Registry } from 'prom-client';
import { SERVER_METRICS, ServerMetrics } from '../../../server-stub/src/telemetry/metrics.js';

const COMMON = 'spirl_component="server",spirl_trust_domain="example.org",spirl_trust_domain_deployment="default"';

function setUp(latency: boolean): ServerMetrics {
  const settings = { version: '0.38.0', trustDomain: 'example.org', deployment: 'default', latency };
  return new ServerMetrics(new Registry(), settings);
}

async function lines(metrics: ServerMetrics, name: string): Promise<string[]> {
  const { body } = await metrics.page();
  return body.split('\n').filter((line) => line.startsWith(`${name}{`));
}

test('mints are counted by type and outcome', async (t) => {
  const metrics = setUp(false);
  metrics.minted('x509', 'OK', 1);
  metrics.minted('x509', 'PermissionDenied', 1);
  t.deepEqual(await lines(metrics, SERVER_METRICS.mints.name), [
    `spirl_server_mint_svid_total{svid_type="x509",status_code="OK",${COMMON}} 1`,
    `spirl_server_mint_svid_total{svid_type="jwt",status_code="OK",${COMMON}} 0`,
    `spirl_server_mint_svid_total{svid_type="x509",status_code="PermissionDenied",${COMMON}} 1`,
  ]);
});

for (const latency of [true, false]) {
  test(`durations are ${latency ? '' : 'not '}observed with emmitLatencyMetrics ${latency}`, async (t) => {
    const metrics = setUp(latency);
    metrics.minted('x509', 'OK', 1);
    metrics.handled({ service: 's', method: 'm', type: 'unary' }, status.OK, 1);
    t.is((await lines(metrics, `${SERVER_METRICS.mintSeconds.name}_count`)).length, latency ? 1 : 0);
    t.is((await lines(metrics, `${SERVER_METRICS.rpcSeconds.name}_count`)).length, latency ? 1 : 0);
    t.is((await lines(metrics, SERVER_METRICS.rpcHandled.name)).length, 1);
  });
}

test('the ring is shown as it is at each scrape', async (t) => {
  const metrics = setUp(false);
  let keysets = [{ id: 'ks_aaaaaaaaaa', state: 'ACTIVE' as const, expiresAt: 5000 }];
  const level = { waiting: 3, inFlight: 2, limit: 8 };
  const levels = [
    { keyManager: 'awsKMS', ...level, circuit: 'open' as const },
    { keyManager: 'awsKMS', ...level, circuit: 'closed' as const },
  ];
  const issuance = () => ({ first: 7, renewal: 2, workers: 1 });
  metrics.watch({ connectedAgents: () => 3, issuance, keyManagers: () => levels, keysets: () => keysets });
  t.deepEqual(await lines(metrics, SERVER_METRICS.issuanceQueue.name), [
    `${SERVER_METRICS.issuanceQueue.name}{urgency="first",${COMMON}} 7`,
    `${SERVER_METRICS.issuanceQueue.name}{urgency="renewal",${COMMON}} 2`,
  ]);
  t.deepEqual(await lines(metrics, SERVER_METRICS.mintWorkers.name), [
    `${SERVER_METRICS.mintWorkers.name}{${COMMON}} 1`,
  ]);
  t.deepEqual(await lines(metrics, SERVER_METRICS.keysetExpiry.name), [
    `${SERVER_METRICS.keysetExpiry.name}{keyset_id="ks_aaaaaaaaaa",state="ACTIVE",${COMMON}} 5`,
  ]);
  for (const [{ name }, value] of [
    [SERVER_METRICS.keyManagerQueue, 6],
    [SERVER_METRICS.keyManagerInFlight, 4],
    [SERVER_METRICS.keyManagerLimit, 16],
    [SERVER_METRICS.keyManagerOpen, 1],
  ] as const) {
    t.deepEqual(await lines(metrics, name), [`${name}{key_manager="awsKMS",${COMMON}} ${value}`]);
  }
  keysets = [];
  t.deepEqual(await lines(metrics, SERVER_METRICS.keysetExpiry.name), []);
  t.is((await lines(metrics, SERVER_METRICS.keysets.name)).length, 3);
  t.deepEqual(await lines(metrics, SERVER_METRICS.agents.name), [`${SERVER_METRICS.agents.name}{${COMMON}} 3`]);
});

test('steps of keysets are counted', async (t) => {
  const metrics = setUp(false);
  metrics.keysetChanged({ operation: 'Tainted', outcome: 'Done' });
  t.deepEqual(await lines(metrics, SERVER_METRICS.keysetOperations.name), [
    `${SERVER_METRICS.keysetOperations.name}{operation="tainted",outcome="done",${COMMON}} 1`,
  ]);
});
