import { createHash } from 'node:crypto';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import anyTest, { type TestFn } from 'ava';
import { TrustDomain } from '../../../src/domain/trust-domain.js';
import { systemClock } from '../../../src/runtime/clock.js';
import { certificatesOfPem } from '../../../src/runtime/certificate-facts.js';
import { createAcmPca } from '../../../server-stub/src/cloud/aws/acm-pca.js';
import type { SigningKey } from '../../../server-stub/src/domain/signing-key.js';
import type { AwsPcaSettings } from '../../../server-stub/src/upstream-authority/aws-pca/aws-pca-issuer.js';
import {
  createCertificateRequest,
  requestPem,
} from '../../../server-stub/src/upstream-authority/certificate-request.js';
import { UPSTREAM_AUTHORITIES } from '../../../server-stub/src/upstream-authority/upstream-authorities.js';
import type { UpstreamAuthority } from '../../../server-stub/src/upstream-authority/upstream-authority.js';
import { upstreamAuthorityContract } from '../../contract/upstream-authority.js';
import { forever, localKey, remoteKey } from '../../server-stub/signer/signing-keys.js';
import { DAY, partsOf } from '../../server-stub/upstream-authority/upstream-of.js';
import { startMoto, type Moto } from '../aws/corrected-moto.js';
import { checkWithOpenssl } from './leaf-below.js';

interface Keys {
  readonly AccessKeyId: string;
  readonly SecretAccessKey: string;
}
interface Ca {
  readonly arn: string;
  readonly pem: string;
}
interface Accounts {
  readonly root: Ca;
  readonly subordinate: Ca;
  readonly rsa: Ca;
  readonly other: Ca;
  readonly role: string;
  readonly allowed: Keys;
  readonly assuming: Keys;
  readonly denied: Keys;
}

// One emulator and one environment, so one test after the other.
const test = anyTest.serial as TestFn;
let moto: Moto;
let accounts: Accounts;
anyTest.before(async () => {
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';
  moto = await startMoto();
  accounts = moto.run('ceremony.py') as Accounts;
  await moto.checkAccess(true);
});
anyTest.after.always(() => moto.stop());

/** With the keys of a user in the environment, where the default chain looks first. */
function upstreamOf(settings: AwsPcaSettings, keys: Keys = accounts.allowed, acmPcaUrl = moto.url): UpstreamAuthority {
  process.env['AWS_ACCESS_KEY_ID'] = keys.AccessKeyId;
  process.env['AWS_SECRET_ACCESS_KEY'] = keys.SecretAccessKey;
  const endpoints = { acmPca: acmPcaUrl, sts: moto.url };
  const acmPca = createAcmPca({ clock: systemClock, endpoints, sessionName: 'spirl-server' });
  return UPSTREAM_AUTHORITIES.awsPca(settings, partsOf({ clock: systemClock, acmPca }));
}

const wanted = (key: SigningKey = localKey(), preferredTtlMs = 20 * DAY) => ({
  key,
  keysetId: 'ks_aaaaaaaaaa',
  trustDomain: TrustDomain.parse('example.org'),
  preferredTtlMs,
});

upstreamAuthorityContract(test, 'awsPca on moto', () => {
  return Promise.resolve({ authority: upstreamOf({ certificateAuthorityArn: accounts.root.arn }), now: Date.now() });
});

test('a root CA: our CA is signed as the CA signs, and openssl follows it to the root', async (t) => {
  const key = remoteKey();
  const minted = await upstreamOf({ certificateAuthorityArn: accounts.root.arn }).mintCa(wanted(key), forever);
  t.deepEqual(minted.intermediates, []);
  t.deepEqual(
    minted.x509Authorities.map((der) => Buffer.from(der)),
    certificatesOfPem(accounts.root.pem).map((der) => Buffer.from(der)),
  );
  await checkWithOpenssl(t, minted, key);
});

test('a subordinate CA: it is delivered with leaves, its root goes into the bundle, and nothing outlives it', async (t) => {
  const key = remoteKey('EC-P384');
  const upstream = upstreamOf({ certificateAuthorityArn: accounts.subordinate.arn });
  const minted = await upstream.mintCa(wanted(key, 90 * DAY), forever);
  t.deepEqual(
    minted.intermediates.map((der) => Buffer.from(der)),
    certificatesOfPem(accounts.subordinate.pem).map((der) => Buffer.from(der)),
  );
  t.deepEqual(
    minted.x509Authorities.map((der) => Buffer.from(der)),
    certificatesOfPem(accounts.root.pem).map((der) => Buffer.from(der)),
  );
  t.true(minted.notAfter < Date.now() + 30 * DAY);
  await checkWithOpenssl(t, minted, key);
});

test('an RSA CA, with the algorithm of the section', async (t) => {
  const key = localKey();
  const certificateAuthorityArn = accounts.rsa.arn;
  const minted = await upstreamOf({ certificateAuthorityArn, signingAlgorithm: 'SHA512WITHRSA' }).mintCa(
    wanted(key),
    forever,
  );
  await checkWithOpenssl(t, minted, key);
  const wrong = upstreamOf({ certificateAuthorityArn, signingAlgorithm: 'SHA256WITHECDSA' });
  const error = await t.throwsAsync(wrong.mintCa(wanted(), forever), { code: 'KEY_SERVICE_REFUSED' });
  t.regex(error.message, /ValidationException: .*SHA256WITHECDSA/);
});

test('the three permissions of the operator guide are all that is used', async (t) => {
  const asked: string[] = [];
  const recorder = createServer((incoming, response) => {
    asked.push(String(incoming.headers['x-amz-target']));
    // The signature covers the host that was meant.
    const { method = '', url = '', headers } = incoming;
    const onward = request(new URL(url, moto.url), { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => recorder.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(recorder.address() as AddressInfo).port}`;
  await upstreamOf({ certificateAuthorityArn: accounts.root.arn }, accounts.allowed, endpoint).mintCa(
    wanted(),
    forever,
  );
  recorder.closeAllConnections();
  recorder.close();
  t.deepEqual(asked, [
    'ACMPrivateCA.DescribeCertificateAuthority',
    'ACMPrivateCA.IssueCertificate',
    'ACMPrivateCA.GetCertificate',
  ]);
});

test('without permission the refusal names service, action and ARN', async (t) => {
  const { arn } = accounts.root;
  const upstream = upstreamOf({ certificateAuthorityArn: arn }, accounts.denied);
  const error = await t.throwsAsync(upstream.mintCa(wanted(), forever), { code: 'KEY_SERVICE_REFUSED' });
  t.true(
    error.message.startsWith(`AWS Private CA refused acm-pca:DescribeCertificateAuthority on ${arn}: AccessDenied`),
  );
});

test('wrong keys are told as such, and no key is told', async (t) => {
  const certificateAuthorityArn = accounts.root.arn;
  const secret = createHash('sha256').update('wrong').digest('base64');
  for (const keys of [
    { ...accounts.allowed, SecretAccessKey: secret },
    { AccessKeyId: 'AKIAUNKNOWN', SecretAccessKey: secret },
  ]) {
    const failed = upstreamOf({ certificateAuthorityArn }, keys).mintCa(wanted(), forever);
    const error = await t.throwsAsync(failed, { code: 'KEY_SERVICE_REFUSED' });
    t.regex(error.message, /the AWS credentials are not accepted/);
    t.false(error.message.includes(secret));
  }
});

test('a CA of another account is reached through its role, and only through it', async (t) => {
  const { other, role, assuming, denied } = accounts;
  const key = localKey();
  const certificateAuthorityArn = other.arn;
  const minted = await upstreamOf({ certificateAuthorityArn, assumeRoleArn: role }, assuming).mintCa(
    wanted(key),
    forever,
  );
  t.deepEqual(
    minted.x509Authorities.map((der) => Buffer.from(der)),
    certificatesOfPem(other.pem).map((der) => Buffer.from(der)),
  );
  await checkWithOpenssl(t, minted, key);
  const alone = upstreamOf({ certificateAuthorityArn }).mintCa(wanted(), forever);
  const missing = await t.throwsAsync(alone, { code: 'KEY_SERVICE_REFUSED' });
  t.regex(missing.message, /ResourceNotFoundException/);
  const without = upstreamOf({ certificateAuthorityArn, assumeRoleArn: role }, denied).mintCa(wanted(), forever);
  const error = await t.throwsAsync(without, { code: 'KEY_SERVICE_REFUSED' });
  t.true(error.message.startsWith(`AWS STS refused sts:AssumeRole on ${role}: AccessDenied`), error.message);
});

test('one request is one certificate, also when its answer was lost', async (t) => {
  upstreamOf({ certificateAuthorityArn: accounts.root.arn });
  const open = createAcmPca({ clock: systemClock, endpoints: { acmPca: moto.url }, sessionName: 'spirl-server' });
  const api = open({ region: 'us-east-1', partition: 'aws' });
  const csrPem = requestPem(await createCertificateRequest(wanted(), forever));
  const ask = {
    arn: accounts.root.arn,
    csrPem,
    signingAlgorithm: 'SHA384WITHECDSA',
    templateArn: 'arn:aws:acm-pca:::template/SubordinateCACertificate_PathLen0/V1',
    notAfter: Date.now() + DAY,
    idempotencyToken: 'one',
  };
  t.is(await api.issue(ask, forever), await api.issue(ask, forever));
});
