import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SignatureV4 } from '@smithy/signature-v4';
import test from 'ava';
import type { Clock } from '../../../src/runtime/clock.js';
import { systemClock } from '../../../src/runtime/clock.js';
import { createAcmPca } from '../../../server-stub/src/cloud/aws/acm-pca.js';
import { awsEndpoint } from '../../../server-stub/src/cloud/aws/aws-settings.js';
import { Sha256 } from '../../../server-stub/src/cloud/aws/sha256.js';
import { forever } from '../signer/signing-keys.js';

const ARN = 'arn:aws:acm-pca:eu-west-1:123456789012:certificate-authority/1111';
const NOW = Date.UTC(2026, 0, 1);
const SECRET = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
/** The default chain begins with the environment. */
process.env['AWS_ACCESS_KEY_ID'] = 'AKIDEXAMPLE';
process.env['AWS_SECRET_ACCESS_KEY'] = SECRET;
delete process.env['AWS_SESSION_TOKEN'];
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';

interface Asked {
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}
type Reply = { readonly status: number; readonly body: unknown; readonly headers?: Readonly<Record<string, string>> };

/** A clock whose sleeps end at once. */
const clock: Clock = { ...systemClock, now: () => NOW, sleep: (ms, s) => systemClock.sleep(ms >= 10_000 ? ms : 0, s) };

/** Answers with `replies` in turn, the last one for ever. */
async function serviceOf(...replies: readonly Reply[]) {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      asked.push({ headers: request.headers, body: Buffer.concat(parts).toString('utf8') });
      const { status, body, headers } = replies[Math.min(asked.length, replies.length) - 1] ?? {
        status: 500,
        body: '',
      };
      response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  const acmPca = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const open = createAcmPca({ clock, endpoints: { acmPca }, sessionName: 'spirl-server' });
  return { api: open({ region: 'eu-west-1', partition: 'aws' }), asked, url: new URL(acmPca) };
}

const describeAnswer = {
  CertificateAuthority: {
    Status: 'ACTIVE',
    NotAfter: 1798761600.25,
    CertificateAuthorityConfiguration: { SigningAlgorithm: 'SHA384WITHECDSA' },
  },
};
const error = (type: string, message = 'what AWS says', status = 400): Reply => ({
  status,
  body: { __type: type, message },
});

test('a call is AWS JSON 1.1 with a signature of the official signer', async (t) => {
  const { api, asked, url } = await serviceOf({ status: 200, body: describeAnswer });
  const ca = await api.describe(ARN, forever);
  t.deepEqual(ca, { status: 'ACTIVE', signingAlgorithm: 'SHA384WITHECDSA', notAfter: 1798761600000 });
  const [{ headers, body } = { headers: {}, body: '' }] = asked;
  t.is(headers['content-type'], 'application/x-amz-json-1.1');
  t.is(headers['x-amz-target'], 'ACMPrivateCA.DescribeCertificateAuthority');
  t.deepEqual(JSON.parse(body), { CertificateAuthorityArn: ARN });
  const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: SECRET };
  const signer = new SignatureV4({ service: 'acm-pca', region: 'eu-west-1', credentials, sha256: Sha256 });
  const { 'content-type': type, 'x-amz-target': target } = headers;
  const again = await signer.sign(
    {
      method: 'POST',
      protocol: 'http:',
      hostname: url.hostname,
      path: '/',
      headers: { host: url.host, 'content-type': type ?? '', 'x-amz-target': String(target) },
      body,
    },
    { signingDate: new Date(NOW) },
  );
  t.is(headers.authorization, again.headers['authorization']);
});

test('issuing sends what Private CA needs; a certificate in progress is none yet', async (t) => {
  const { api, asked } = await serviceOf(
    { status: 200, body: { CertificateArn: 'arn:certificate' } },
    error('RequestInProgressException'),
    { status: 200, body: { Certificate: 'PEM', CertificateChain: 'PEMs' } },
  );
  const request = {
    arn: ARN,
    csrPem: 'CSR',
    signingAlgorithm: 'SHA256WITHECDSA',
    templateArn: 'template',
    notAfter: NOW + 999,
    idempotencyToken: 'token',
  };
  t.is(await api.issue(request, forever), 'arn:certificate');
  t.is(await api.certificate(ARN, 'arn:certificate', forever), undefined);
  t.deepEqual(await api.certificate(ARN, 'arn:certificate', forever), { certificate: 'PEM', chain: 'PEMs' });
  t.deepEqual(JSON.parse(asked[0]?.body ?? ''), {
    CertificateAuthorityArn: ARN,
    Csr: Buffer.from('CSR').toString('base64'),
    SigningAlgorithm: 'SHA256WITHECDSA',
    TemplateArn: 'template',
    Validity: { Type: 'ABSOLUTE', Value: NOW / 1000 },
    IdempotencyToken: 'token',
  });
  t.deepEqual(JSON.parse(asked[2]?.body ?? ''), { CertificateAuthorityArn: ARN, CertificateArn: 'arn:certificate' });
});

const QUOTES_REQUEST = `The Canonical String should have been: x-amz-security-token:${SECRET}`;
const failures: { name: string; reply: Reply; code: string; says: RegExp; calls: number }[] = [
  {
    name: 'a missing permission names service, action and ARN',
    reply: error('AccessDeniedException', 'User: arn:aws:iam::1:user/x is not authorized'),
    code: 'KEY_SERVICE_REFUSED',
    says: /^AWS Private CA refused acm-pca:DescribeCertificateAuthority on arn:aws:acm-pca:\S+: AccessDeniedException: .* lacks the permission/,
    calls: 1,
  },
  {
    name: 'a refusal tells what AWS said',
    reply: error('com.amazonaws.acmpca#ResourceNotFoundException:http://x', 'Could not find\nit'),
    code: 'KEY_SERVICE_REFUSED',
    says: /ResourceNotFoundException: Could not find it$/,
    calls: 1,
  },
  {
    name: 'a bad signature does not tell what was signed',
    reply: error('InvalidSignatureException', QUOTES_REQUEST),
    code: 'KEY_SERVICE_REFUSED',
    says: /InvalidSignatureException: the AWS credentials are not accepted/,
    calls: 1,
  },
  {
    name: 'throttling is waited out, a few times',
    reply: error('ThrottlingException'),
    code: 'KEY_SERVICE_UNAVAILABLE',
    says: /throttles acm-pca:Describe.*\(ThrottlingException, HTTP 400\)/,
    calls: 4,
  },
  {
    name: 'so is a service in trouble, in whatever words',
    reply: { status: 503, body: '<html>busy</html>' },
    code: 'KEY_SERVICE_UNAVAILABLE',
    says: /cannot answer .*HTTP 503/,
    calls: 4,
  },
  {
    name: 'credentials that have ended are asked for anew',
    reply: error('ExpiredTokenException', QUOTES_REQUEST),
    code: 'KEY_SERVICE_UNAVAILABLE',
    says: /credentials have expired/,
    calls: 4,
  },
  {
    name: 'an answer that no AWS service gives',
    reply: { status: 200, body: 'hello' },
    code: 'KEY_SERVICE_UNAVAILABLE',
    says: /cannot be asked for acm-pca:\w+: the answer \(HTTP 200\) is none of an AWS service/,
    calls: 4,
  },
  {
    name: 'an answer without what was asked for',
    reply: { status: 200, body: { CertificateAuthority: {} } },
    code: 'KEY_SERVICE_UNAVAILABLE',
    says: /answered without CertificateAuthorityConfiguration/,
    calls: 1,
  },
];
for (const { name, reply, code, says, calls } of failures) {
  test(`aws: ${name}`, async (t) => {
    const { api, asked } = await serviceOf(reply);
    const failure = await t.throwsAsync(api.describe(ARN, forever), { code });
    t.regex(failure.message, says);
    t.false(failure.message.includes(SECRET));
    t.is(asked.length, calls);
  });
}

test('aws: a service that comes back is asked on', async (t) => {
  const { api, asked } = await serviceOf(error('InternalFailure', '', 500), error('ThrottlingException'), {
    status: 200,
    body: describeAnswer,
  });
  t.is((await api.describe(ARN, forever)).status, 'ACTIVE');
  t.is(asked.length, 3);
});

test('aws: nobody there', async (t) => {
  const open = createAcmPca({ clock, endpoints: { acmPca: 'http://127.0.0.1:1' }, sessionName: 'spirl-server' });
  const failed = open({ region: 'eu-west-1', partition: 'aws' }).describe(ARN, forever);
  const failure = await t.throwsAsync(failed, { code: 'KEY_SERVICE_UNAVAILABLE' });
  t.regex(failure.message, /AWS Private CA \(127\.0\.0\.1:1\) cannot be asked .*connection was refused/);
});

test('endpoints follow region and partition', (t) => {
  t.is(awsEndpoint('acm-pca', { region: 'eu-west-1', partition: 'aws' }), 'https://acm-pca.eu-west-1.amazonaws.com');
  t.is(awsEndpoint('sts', { region: 'cn-north-1', partition: 'aws-cn' }), 'https://sts.cn-north-1.amazonaws.com.cn');
});
