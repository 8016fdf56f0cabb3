import test from 'ava';
import type { Attestor } from '../../src/attestation/attestor.js';
import { createWorkloadAttestation } from '../../src/attestation/attest-workload.js';
import type { Attributes } from '../../src/domain/attributes.js';
import { hasCode, SpirlError } from '../../src/runtime/errors.js';
import { FakeClock } from '../fakes/fake-clock.js';
import { RecordingLogger } from '../fakes/recording-logger.js';
import { fakePeer } from './fake-peer.js';

const SIGNAL = new AbortController().signal;

function attestor(name: string, attest: () => Promise<Attributes>, on = true): Attestor {
  return { name, enabled: () => on, attest };
}
const root = attestor('linux', () => Promise.resolve({ 'linux.user.name': ['root'] }));
const broken = attestor('docker', () => Promise.reject(new Error('no docker here')));
const hanging = attestor('kubernetes', () => new Promise(() => {}));

function setUp(...attestors: Attestor[]) {
  const [clock, logger, outcomes] = [new FakeClock(), new RecordingLogger(), [] as string[]];
  const metrics = { attested: (name: string, outcome: string) => void outcomes.push(`${name} ${outcome}`) };
  const attestation = createWorkloadAttestation({ attestors, timeoutMs: 5000, clock, logger, metrics });
  return { attestation, clock, logger, outcomes };
}

test('what all attestors know is one canonical set', async (t) => {
  const other = attestor('docker', () => Promise.resolve({ 'docker.label': ['b', 'a', 'b'], 'docker.none': [] }));
  const { attestation } = setUp(other, root);
  const attributes = await attestation.attest(fakePeer(), SIGNAL);
  t.is(JSON.stringify(attributes), '{"docker.label":["a","b"],"linux.user.name":["root"]}');
});

test('an attestor that fails does not fail the others; it is logged and counted', async (t) => {
  const { attestation, logger, outcomes } = setUp(broken, root);
  t.deepEqual({ ...(await attestation.attest(fakePeer(), SIGNAL)) }, { 'linux.user.name': ['root'] });
  t.deepEqual(outcomes.sort(), ['docker failed', 'linux ok']);
  t.is(logger.lines[0]?.message, 'Attestor failed');
});

test('an attestor that hangs costs its deadline and no more', async (t) => {
  const { attestation, clock } = setUp(hanging, root);
  let answer: Attributes | undefined;
  const asked = attestation.attest(fakePeer(), SIGNAL).then((attributes) => (answer = attributes));
  await clock.advance(4999);
  t.is(answer, undefined);
  await clock.advance(1);
  await asked;
  t.deepEqual(Object.keys(answer ?? {}), ['linux.user.name']);
  t.is(clock.sleeping, 0);
});

test('when no attestor could look the answer is UNAVAILABLE, and says nothing about why', async (t) => {
  const { attestation } = setUp(
    broken,
    attestor('linux', () => Promise.reject(new Error('/proc is away'))),
  );
  const error = await t.throwsAsync(attestation.attest(fakePeer(), SIGNAL));
  t.true(hasCode(error, 'UNAVAILABLE'));
  t.notRegex(error.message, /proc|docker/);
});

test('an attestor that is off is not asked and its silence is no failure', async (t) => {
  const { attestation, outcomes } = setUp(attestor('linux', () => Promise.reject(new Error('asked')), false));
  t.deepEqual({ ...(await attestation.attest(fakePeer(), SIGNAL)) }, {});
  t.deepEqual(outcomes, []);
});

test('a process that went away while it was looked at gets nothing', async (t) => {
  let asked = false;
  const looking = attestor('linux', () => {
    asked = true;
    return Promise.resolve({ 'linux.user.name': ['root'] });
  });
  const verify = (): void => {
    if (asked) throw new SpirlError('NOT_AUTHORIZED', 'caller has gone');
  };
  const error = await t.throwsAsync(setUp(looking).attestation.attest(fakePeer({ verify }), SIGNAL));
  t.true(hasCode(error, 'NOT_AUTHORIZED'));
});

test('a caller that leaves ends the wait, and nothing is counted against the attestor', async (t) => {
  const { attestation, clock, outcomes } = setUp(hanging);
  const gone = new AbortController();
  const asked = attestation.attest(fakePeer(), gone.signal);
  gone.abort(new Error('gone'));
  await t.throwsAsync(asked, { message: 'gone' });
  t.is(clock.sleeping, 0);
  t.deepEqual(outcomes, []);
});

const hostile: readonly { name: string; attributes: Attributes; reason: RegExp }[] = [
  { name: 'a newline', attributes: { a: ['x\ny'] }, reason: /control characters/ },
  { name: '64 KiB', attributes: { a: ['x'.repeat(65_536)] }, reason: /more than 4096 bytes/ },
  { name: 'what was not UTF-8', attributes: { a: ['caf\uFFFD'] }, reason: /not UTF-8/ },
  { name: 'a lone surrogate', attributes: { a: ['\uD800'] }, reason: /not UTF-8/ },
  { name: 'an empty value', attributes: { a: [''] }, reason: /empty/ },
  { name: 'one bad value among good ones', attributes: { a: ['x', '\0'] }, reason: /control characters/ },
  { name: 'a name that is none', attributes: { 'a b': ['x'] }, reason: /not an attribute name/ },
  {
    name: 'thousands of values',
    attributes: { a: Array.from({ length: 1025 }, String) },
    reason: /more than 1024 values/,
  },
];
for (const { name, attributes, reason } of hostile) {
  test(`${name}: the attribute is dropped with a warning, the others stay`, async (t) => {
    const { attestation, logger } = setUp(
      attestor('linux', () => Promise.resolve({ ...attributes, 'linux.x': ['1'] })),
    );
    t.deepEqual({ ...(await attestation.attest(fakePeer(), SIGNAL)) }, { 'linux.x': ['1'] });
    t.is(logger.lines.length, 1);
    t.is(logger.lines[0]?.level, 'warn');
    t.regex(String(logger.lines[0]?.fields['reason']), reason);
  });
}

test('dots and percent signs are data: the policy decides what they mean', async (t) => {
  const values = { 'linux.binary.path': ['/tmp/..a/%2e%2e'], 'linux.user.name': ['..'] };
  const { attestation } = setUp(attestor('linux', () => Promise.resolve(values)));
  t.deepEqual({ ...(await attestation.attest(fakePeer(), SIGNAL)) }, values);
});
