import { Ajv } from 'ajv';
import test from 'ava';
import { TrustDomain } from '../../../src/domain/trust-domain.js';
import { createConfiguredUpstream } from '../../../server-stub/src/upstream-authority/upstream-authorities.js';
import { UPSTREAM_SECTION_SCHEMA } from '../../../server-stub/src/upstream-authority/upstream-schemas.js';
import {
  readUpstreamSection,
  upstreamSectionProblems,
} from '../../../server-stub/src/upstream-authority/upstream-section.js';
import { TestCa } from '../../fakes/test-pki.js';
import { forever, localKey } from '../signer/signing-keys.js';
import { DAY, FakeFiles, NOW, partsOf } from './upstream-of.js';

const ARN = 'arn:aws:acm-pca:us-east-1:123456789012:certificate-authority/11111111-2222-3333-4444-555555555555';
const declared = { files: new FakeFiles(), webhookHosts: ['ca.example.org', 'bridge.example.org:8443', '::1'] };
const read = (extensions: object) => readUpstreamSection({ extensions }, declared);
const problems = (extensions: object) => upstreamSectionProblems({ extensions }, '/spec', declared);

test('nothing given is self-signed', (t) => {
  for (const spec of [undefined, {}, { extensions: null }, { extensions: {} }, { extensions: { awsPca: '' } }]) {
    t.deepEqual(readUpstreamSection(spec, declared), { use: 'selfSigned' });
  }
});

test('empty strings are unset, as in the example of the AWS page', (t) => {
  const settings = { certificateAuthorityArn: ARN, region: 'us-east-1', signingAlgorithm: 'SHA256WITHECDSA' };
  const awsPca = { ...settings, assumeRoleArn: '' };
  t.deepEqual(read({ awsPca, webhook: null }), { use: 'awsPca', settings });
});

test('a webhook has 10 s unless it is told otherwise', (t) => {
  const webhookURL = 'https://ca.example.org/base';
  t.deepEqual(read({ webhook: { webhookURL } }), { use: 'webhook', settings: { webhookURL, timeoutMs: 10_000 } });
  const settings = { webhookURL, timeoutMs: 30_000 };
  t.deepEqual(read({ webhook: { webhookURL, timeout: '30s' } }), { use: 'webhook', settings });
});

test('everything that is wrong is told at once, with its place', (t) => {
  const found = problems({
    awsPca: { certificateAuthorityArn: 'arn:aws:kms:x', region: 'here', assumeRoleArn: 'spirl' },
    disk: { certFilePath: '/tmp/ca.pem', keyFilePath: '/etc/spirl/ca.key', bundleFilePath: '/etc/passwd' },
    webhook: { webhookURL: 'http://ca.example.org', caCertPath: '/tmp/x', bearerTokenPath: '/tmp/y', timeout: '5m' },
  });
  t.deepEqual(
    found.map(({ path }) => path),
    [
      '/spec/extensions',
      '/spec/extensions/awsPca/certificateAuthorityArn',
      '/spec/extensions/awsPca/region',
      '/spec/extensions/awsPca/assumeRoleArn',
      '/spec/extensions/disk/certFilePath',
      '/spec/extensions/disk/bundleFilePath',
      '/spec/extensions/webhook/webhookURL',
      '/spec/extensions/webhook/caCertPath',
      '/spec/extensions/webhook/bearerTokenPath',
      '/spec/extensions/webhook/timeout',
    ],
  );
  t.regex(found[0]?.reason ?? '', /awsPca and disk and webhook are given/);
  t.regex(found.at(-1)?.reason ?? '', /100ms to 1m/);
  const error = t.throws(() => read({ disk: { certFilePath: '/tmp/ca.pem' } }), { code: 'INVALID_CONFIG' });
  t.regex(error.message, /certFilePath: a path below/);
  t.throws(() => read({ disk: { certFilePath: '/etc/spirl/ca.pem' } }), { message: /keyFilePath: is required/ });
});

const urls: [string, RegExp | undefined][] = [
  ['https://ca.example.org', undefined],
  ['https://CA.example.org:9443/x', undefined],
  ['https://bridge.example.org:8443/', undefined],
  ['https://[::1]:8443/', undefined],
  ['https://bridge.example.org/', /declared: ca\.example\.org/],
  ['https://ca.example.org.evil.example/', /webhookHosts/],
  ['https://ca.example.org@evil.example/', /user name/],
  ['https://evil.example/#ca.example.org', /fragment/],
  ['http://ca.example.org', /https/],
  ['file:///etc/passwd', /https/],
  ['ca.example.org', /a URL/],
];
for (const [webhookURL, says] of urls) {
  test(`a webhook at ${webhookURL} is ${says === undefined ? 'declared' : 'refused'}`, (t) => {
    const [problem] = problems({ webhook: { webhookURL } });
    if (says === undefined) t.is(problem, undefined);
    else t.regex(problem?.reason ?? '', says);
  });
}

test('the schema knows the fields, their types and what is required', (t) => {
  const check = new Ajv({ allErrors: true, strict: true }).compile(UPSTREAM_SECTION_SCHEMA);
  const places = (extensions: unknown): string[] => {
    check({ extensions });
    return (check.errors ?? []).map(({ instancePath, keyword }) => `${instancePath} ${keyword}`);
  };
  t.deepEqual(places({ awsPca: { certificateAuthorityArn: ARN, signingAlgorithm: 'SHA256WITHRSA' } }), []);
  t.deepEqual(places({ awsPca: { arn: ARN, signingAlgorithm: 'MD5' }, disk: { certFilePath: 1 }, acme: {} }), [
    '/extensions additionalProperties',
    '/extensions/awsPca required',
    '/extensions/awsPca additionalProperties',
    '/extensions/awsPca/signingAlgorithm enum',
    '/extensions/disk required',
    '/extensions/disk/certFilePath type',
  ]);
});

test('a new section counts from the next CA on, and going back is as good', async (t) => {
  const root = await TestCa.root('company root', { now: NOW });
  const files = new FakeFiles({ '/etc/spirl/ca.pem': root.pem, '/etc/spirl/ca.key': await root.keyPem() });
  let spec: unknown;
  const upstream = createConfiguredUpstream(partsOf({ files }), () => spec);
  const trustDomain = TrustDomain.parse('example.org');
  const mint = () =>
    upstream.mintCa({ key: localKey(), keysetId: 'ks_aaaaaaaaaa', trustDomain, preferredTtlMs: 90 * DAY }, forever);
  const own = await mint();
  t.deepEqual(own.x509Authorities, [own.caCertificate]);
  spec = { extensions: { disk: { certFilePath: '/etc/spirl/ca.pem', keyFilePath: '/etc/spirl/ca.key' } } };
  t.deepEqual(
    (await mint()).x509Authorities.map((der) => Buffer.from(der)),
    [root.der],
  );
  spec = { extensions: { disk: { certFilePath: '/tmp/ca.pem', keyFilePath: '/etc/spirl/ca.key' } } };
  await t.throwsAsync(mint(), { code: 'INVALID_CONFIG' });
  spec = {};
  const again = await mint();
  t.deepEqual(again.x509Authorities, [again.caCertificate]);
});
