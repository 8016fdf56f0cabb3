import test from 'ava';
import { TrustDomain } from '../../../src/domain/trust-domain.js';
import { certificatePem } from '../../../src/runtime/certificate-facts.js';
import * as x509 from '../../../src/runtime/x509.js';
import type {
  AcmPcaApi,
  AcmPcaOptions,
  PcaIssueRequest,
  PrivateCa,
} from '../../../server-stub/src/upstream-authority/aws-pca/acm-pca-api.js';
import { UPSTREAM_AUTHORITIES } from '../../../server-stub/src/upstream-authority/upstream-authorities.js';
import { upstreamAuthorityContract } from '../../contract/upstream-authority.js';
import { FakeClock } from '../../fakes/fake-clock.js';
import { TestCa } from '../../fakes/test-pki.js';
import { forever, localKey } from '../signer/signing-keys.js';
import { DAY, NOW, partsOf } from './upstream-of.js';

const ARN = 'arn:aws:acm-pca:eu-west-1:123456789012:certificate-authority/11111111-2222-3333-4444-555555555555';

/** A Private CA below a root, which is `polls` questions slow. */
async function privateCa({ ca = {}, polls = 0 }: { ca?: Partial<PrivateCa>; polls?: number } = {}) {
  const root = await TestCa.root('company root', { now: NOW });
  const sub = await root.sub('private CA', { now: NOW, pathLength: 1, notAfter: NOW + 5 * 365 * DAY });
  const calls: string[] = [];
  const issued: PcaIssueRequest[] = [];
  const opened: AcmPcaOptions[] = [];
  let waiting = polls;
  let made: Buffer = Buffer.alloc(0);
  const api: AcmPcaApi = {
    describe: () => {
      calls.push('describe');
      const notAfter = NOW + 5 * 365 * DAY;
      return Promise.resolve({ status: 'ACTIVE', signingAlgorithm: 'SHA256WITHECDSA', notAfter, ...ca });
    },
    issue: async (request) => {
      calls.push('issue');
      issued.push(request);
      const csr = new x509.Pkcs10CertificateRequest(request.csrPem);
      const { notAfter } = request;
      made = await sub.certify(new Uint8Array(csr.publicKey.rawData), { now: NOW, notAfter, pathLength: 0 });
      return `${ARN}/certificate/1`;
    },
    certificate: () => {
      calls.push('get');
      if (waiting-- > 0) return Promise.resolve(undefined);
      return Promise.resolve({ certificate: certificatePem(made), chain: `${sub.pem}${root.pem}` });
    },
  };
  const clock = new FakeClock(NOW);
  const acmPca = (options: AcmPcaOptions): AcmPcaApi => {
    opened.push(options);
    return api;
  };
  const parts = partsOf({ clock, acmPca });
  const authority = UPSTREAM_AUTHORITIES.awsPca({ certificateAuthorityArn: ARN }, parts);
  return { authority, parts, clock, root, sub, calls, issued, opened, now: NOW };
}

upstreamAuthorityContract(test, 'awsPca', () => privateCa(), ['EC-P256']);

const request = (preferredTtlMs = 90 * DAY) => ({
  key: localKey(),
  keysetId: 'ks_aaaaaaaaaa',
  trustDomain: TrustDomain.parse('example.org'),
  preferredTtlMs,
});

test('describe, issue with the template of a CA that signs leaves only, get; region and partition come from the ARN', async (t) => {
  const { authority, calls, issued, opened, sub, root } = await privateCa();
  const minted = await authority.mintCa(request(), forever);
  t.deepEqual(calls, ['describe', 'issue', 'get']);
  t.deepEqual(opened, [{ region: 'eu-west-1', partition: 'aws' }]);
  t.like(issued[0], {
    arn: ARN,
    signingAlgorithm: 'SHA256WITHECDSA',
    templateArn: 'arn:aws:acm-pca:::template/SubordinateCACertificate_PathLen0/V1',
    notAfter: NOW + 90 * DAY,
  });
  t.regex(issued[0]?.idempotencyToken ?? '', /^[0-9a-f]{32}$/);
  t.deepEqual(
    minted.intermediates.map((der) => Buffer.from(der)),
    [sub.der],
  );
  t.deepEqual(
    minted.x509Authorities.map((der) => Buffer.from(der)),
    [root.der],
  );
});

test('what the section says wins over the CA and the ARN', async (t) => {
  const { parts, issued, opened } = await privateCa();
  const assumeRoleArn = 'arn:aws:iam::210987654321:role/spirl';
  const settings = {
    certificateAuthorityArn: ARN,
    region: 'us-east-1',
    signingAlgorithm: 'SHA384WITHECDSA',
    assumeRoleArn,
  };
  await UPSTREAM_AUTHORITIES.awsPca(settings, parts).mintCa(request(), forever);
  t.deepEqual(opened.at(-1), { region: 'us-east-1', partition: 'aws', assumeRoleArn });
  t.is(issued[0]?.signingAlgorithm, 'SHA384WITHECDSA');
});

test('other partitions have templates of their own', async (t) => {
  const { parts, issued } = await privateCa();
  const certificateAuthorityArn = ARN.replace('arn:aws:', 'arn:aws-us-gov:').replace('eu-west-1', 'us-gov-west-1');
  await UPSTREAM_AUTHORITIES.awsPca({ certificateAuthorityArn }, parts).mintCa(request(), forever);
  t.is(issued[0]?.templateArn, 'arn:aws-us-gov:acm-pca:::template/SubordinateCACertificate_PathLen0/V1');
});

test('nothing is asked for that would outlive the CA', async (t) => {
  const { authority, issued } = await privateCa({ ca: { notAfter: NOW + 10 * DAY + 500 } });
  t.is((await authority.mintCa(request(), forever)).notAfter, NOW + 10 * DAY);
  t.is(issued[0]?.notAfter, NOW + 10 * DAY);
});

test('a CA that is not active is not asked to issue', async (t) => {
  const { authority, calls } = await privateCa({ ca: { status: 'DISABLED' } });
  const error = await t.throwsAsync(authority.mintCa(request(), forever), { code: 'KEY_SERVICE_REFUSED' });
  t.regex(error.message, /is DISABLED, not ACTIVE/);
  t.deepEqual(calls, ['describe']);
});

test('it waits while the certificate is being issued, with growing pauses', async (t) => {
  const { authority, clock, calls } = await privateCa({ polls: 3 });
  const minted = await clock.through(authority.mintCa(request(), forever));
  t.is(minted.intermediates.length, 1);
  t.deepEqual(calls, ['describe', 'issue', 'get', 'get', 'get', 'get']);
});

test('it does not wait for ever', async (t) => {
  const { authority, clock, calls } = await privateCa({ polls: Infinity });
  const failed = t.throwsAsync(authority.mintCa(request(), forever), { code: 'KEY_SERVICE_UNAVAILABLE' });
  t.regex((await clock.through(failed)).message, /not issued the certificate after 60 s/);
  t.true(clock.now() - NOW < 80_000);
  t.true(calls.length < 40);
});
