import { status } from '@grpc/grpc-js';
import test from 'ava';
import { Registry } from 'prom-client';
import { AGENT_METRICS, AgentMetrics, collectProcessMetrics } from '../../src/telemetry/metrics.js';

async function lines(metrics: AgentMetrics, name: string): Promise<string[]> {
  const { body } = await metrics.page();
  return body.split('\n').filter((line) => line.startsWith(`${name}{`));
}
const COMMON = 'spirl_component="agent",spirl_trust_domain="example.org",spirl_trust_domain_deployment="default"';

function setUp(): AgentMetrics {
  const metrics = new AgentMetrics(new Registry(), '0.38.0');
  metrics.identify('example.org', 'default');
  return metrics;
}

test('mints are counted by type and outcome, from zero', async (t) => {
  const metrics = setUp();
  metrics.minted('x509', 'OK', 0.02);
  metrics.minted('x509', 'OK', 0.02);
  metrics.minted('jwt', 'Unavailable', 30);
  t.deepEqual(await lines(metrics, AGENT_METRICS.mints.name), [
    `spirl_agent_mint_svid_total{svid_type="x509",status_code="OK",${COMMON}} 2`,
    `spirl_agent_mint_svid_total{svid_type="jwt",status_code="OK",${COMMON}} 0`,
    `spirl_agent_mint_svid_total{svid_type="jwt",status_code="Unavailable",${COMMON}} 1`,
  ]);
  const seconds = await lines(metrics, `${AGENT_METRICS.mintSeconds.name}_bucket`);
  t.true(seconds.some((line) => line.includes('le="0.025"') && line.endsWith(' 2')));
});

test('the trust domain is on every series, empty before the first login', async (t) => {
  const metrics = new AgentMetrics(new Registry(), '0.38.0');
  const before = 'spirl_component="agent",spirl_trust_domain="",spirl_trust_domain_deployment=""';
  const [info] = await lines(metrics, AGENT_METRICS.info.name);
  t.is(info, `spirl_application_info{spirl_app_version="0.38.0",${before}} 1`);
  metrics.identify('example.org', 'default');
  const { body } = await metrics.page();
  const series = body.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  t.true(series.every((line) => line.includes(COMMON)));
});

test('calls are counted as servers in Go count theirs', async (t) => {
  const metrics = setUp();
  const rpc = { service: 'SpiffeWorkloadAPI', method: 'FetchX509SVID', type: 'server_stream' } as const;
  const labels = `grpc_service="SpiffeWorkloadAPI",grpc_method="FetchX509SVID",grpc_type="server_stream"`;
  metrics.started(rpc);
  metrics.received(rpc);
  metrics.sent(rpc);
  metrics.sent(rpc);
  metrics.handled(rpc, status.PERMISSION_DENIED, 0.5);
  t.deepEqual(await lines(metrics, AGENT_METRICS.rpcStarted.name), [
    `grpc_server_started_total{${labels},${COMMON}} 1`,
  ]);
  t.deepEqual(await lines(metrics, AGENT_METRICS.rpcSent.name), [`grpc_server_msg_sent_total{${labels},${COMMON}} 2`]);
  t.deepEqual(await lines(metrics, AGENT_METRICS.rpcHandled.name), [
    `grpc_server_handled_total{${labels},grpc_code="PermissionDenied",${COMMON}} 1`,
  ]);
});

test('levels are looked up at each scrape', async (t) => {
  const metrics = setUp();
  t.deepEqual(await lines(metrics, AGENT_METRICS.cached.name), []);
  let held = 1;
  metrics.watch('cached', () => held, { svid_type: 'x509' });
  metrics.watch('cached', () => 7, { svid_type: 'jwt' });
  held = 3;
  t.deepEqual(
    (await lines(metrics, AGENT_METRICS.cached.name)).map((line) => line.split(' ').at(-1)),
    ['3', '7'],
  );
});

test('two agents in one process do not share a count', async (t) => {
  const [a, b] = [setUp(), setUp()];
  a.minted('x509', 'OK', 1);
  t.true((await lines(b, AGENT_METRICS.mints.name)).every((line) => line.endsWith(' 0')));
});

test('everything that is registered is in the reference', async (t) => {
  const metrics = setUp();
  metrics.watch('connections', () => 0);
  const { body } = await metrics.page();
  const documented = new Set<string>(Object.values(AGENT_METRICS).map(({ name }) => name));
  const registered = [...body.matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name);
  t.deepEqual(
    registered.filter((name) => !documented.has(name)),
    [],
  );
});

test('the process tells its memory and descriptors', async (t) => {
  const registry = new Registry();
  await collectProcessMetrics(registry);
  t.regex(await registry.metrics(), /^process_resident_memory_bytes /m);
});
