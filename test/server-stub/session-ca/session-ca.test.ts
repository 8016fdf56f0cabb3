import { X509Certificate } from 'node:crypto';
import test from 'ava';
import { createAgentCertificates } from '../../../server-stub/src/session-ca/agent-certificates.js';
import { EndpointCertificates } from '../../../server-stub/src/session-ca/endpoint-certificate.js';
import { SessionCa } from '../../../server-stub/src/session-ca/session-ca.js';
import { certificatesOfPem, isCurrent, isIssuedBy, onlyUri } from '../../../src/runtime/certificate-facts.js';
import { createKeyAndRequest } from '../../../src/runtime/certificate-request.js';
import { hasCode } from '../../../src/runtime/errors.js';
import { silentLogger } from '../../../src/runtime/logger.js';
import { FakeClock } from '../../fakes/fake-clock.js';
import { MemoryRecordStore } from '../../fakes/memory-record-store.js';
import { plainSealer } from '../../fakes/plain-sealer.js';
import { until } from '../../fakes/test-agent.js';

const NEVER = new AbortController().signal;
const DAY = 86_400_000;

function setUp() {
  const clock = new FakeClock();
  const store = new MemoryRecordStore();
  const options = {
    store,
    clock,
    sealer: plainSealer,
    logger: silentLogger,
    trustDomain: 'example.org',
    deploymentId: 'tdd-1',
  };
  return { clock, store, options };
}

test('a restarted server, and a second replica, have the same session CA', async (t) => {
  const { options } = setUp();
  const [first, second] = await Promise.all([SessionCa.open(options, NEVER), SessionCa.open(options, NEVER)]);
  t.deepEqual(second.state.value.certificates, first.state.value.certificates);
  t.deepEqual((await SessionCa.open(options, NEVER)).state.value.certificates, first.state.value.certificates);
  t.deepEqual(certificatesOfPem(first.bootstrapPem()), first.state.value.certificates);
});

test('the CA is a constrained self-signed one that lives for years', async (t) => {
  const { options, clock } = setUp();
  const [der] = (await SessionCa.open(options, NEVER)).state.value.certificates;
  const certificate = new X509Certificate(der ?? '');
  t.true(certificate.ca);
  t.true(certificate.verify(certificate.publicKey));
  t.true(isCurrent(certificate, clock.now() + 3 * 365 * DAY));
  t.regex(certificate.subject, /O=example\.org/);
});

test('a successor is published two years before it has to sign, and the old one goes when it has ended', async (t) => {
  const { options, clock } = setUp();
  const ca = await SessionCa.open(options, NEVER);
  const stop = new AbortController();
  const running = ca.run(stop.signal).catch(() => {});
  clock.jump(2 * 365 * DAY - 600_000);
  await clock.advance(3_600_000);
  await until(() => ca.state.value.certificates.length === 2);
  const both = ca.state.value.certificates;
  const signer = async (): Promise<number> => {
    const { csr } = await createKeyAndRequest();
    const issued = await createAgentCertificates(ca, 'example.org').issueFor({ clusterId: 'c-1', agentId: 'a-1' }, csr);
    const leaf = new X509Certificate(issued.certificate);
    return both.findIndex((der) => isIssuedBy(leaf, [der], clock.now()));
  };
  t.is(await signer(), 0);
  clock.jump((2 * 365 - 50) * DAY);
  t.is(await signer(), 1);
  clock.jump(50 * DAY);
  await ca.renewIfDue(NEVER);
  // Two years after the successor, its own successor is there as well.
  t.is(ca.state.value.certificates.length, 2);
  t.deepEqual(ca.state.value.certificates[0], both[1]);
  stop.abort();
  await running;
});

test('an agent certificate names the agent, is for clients only and ends with its session', async (t) => {
  const { options, clock } = setUp();
  const ca = await SessionCa.open(options, NEVER);
  const { csr, publicKeySpki } = await createKeyAndRequest();
  const issued = await createAgentCertificates(ca, 'example.org').issueFor({ clusterId: 'c-1', agentId: 'a-1' }, csr);
  const leaf = new X509Certificate(issued.certificate);
  t.is(onlyUri(leaf), 'spiffe://example.org/spirl/agent/c-1/a-1');
  t.deepEqual(leaf.keyUsage, ['1.3.6.1.5.5.7.3.2']);
  t.false(leaf.ca);
  t.deepEqual(leaf.publicKey.export({ format: 'der', type: 'spki' }), publicKeySpki);
  t.is(issued.notAfter, clock.now() + DAY);
  t.true(isIssuedBy(leaf, ca.state.value.certificates, clock.now()));
  t.false(isIssuedBy(leaf, (await SessionCa.open(setUp().options, NEVER)).state.value.certificates, clock.now()));
});

test('the endpoint certificate names the server and its hosts, and is renewed at half of its life', async (t) => {
  const { options, clock } = setUp();
  const issuer = await SessionCa.open(options, NEVER);
  const endpoint = await EndpointCertificates.open({ ...options, issuer, hosts: ['td.example.org', '10.0.0.1'] });
  const leaf = new X509Certificate(endpoint.latest.value.certificate);
  t.is(onlyUri(leaf), 'spiffe://example.org/spirl/server/tdd-1');
  t.regex(leaf.subjectAltName ?? '', /DNS:td\.example\.org, IP Address:10\.0\.0\.1/);
  t.deepEqual(leaf.keyUsage, ['1.3.6.1.5.5.7.3.1']);
  const stop = new AbortController();
  const running = endpoint.run(stop.signal).catch(() => {});
  await clock.advance(14 * DAY);
  t.is(endpoint.latest.value.version, 1);
  await clock.advance(2 * DAY);
  await until(() => endpoint.latest.value.version === 2);
  stop.abort();
  await running;
});

test('a record of another deployment, or of an unknown format, is refused', async (t) => {
  const { options, store } = setUp();
  await SessionCa.open(options, NEVER);
  const foreign = await t.throwsAsync(SessionCa.open({ ...options, deploymentId: 'tdd-2' }, NEVER));
  t.true(hasCode(foreign, 'STORE_CORRUPT'));
  const { version } = (await store.read('session-ca')) ?? { version: '' };
  await store.write('session-ca', { format: 7 }, version);
  const unknown = await t.throwsAsync(SessionCa.open(options, NEVER));
  t.true(hasCode(unknown, 'STORE_CORRUPT'));
  t.is(unknown.message, 'the record session-ca has an unknown format (expected format 1)');
});

test('a lost session CA is not replaced while clusters are registered', async (t) => {
  const { options, store } = setUp();
  await store.write('clusters/c-1', {}, undefined);
  const error = await t.throwsAsync(SessionCa.open(options, NEVER));
  t.true(hasCode(error, 'STORE_CORRUPT'));
  t.regex(error.message, /record "session-ca" is missing, but record "clusters\/c-1" exists/);
});
