import test from 'ava';
import { kmsFailure } from '../../../server-stub/src/cloud/aws/kms-failure.js';

const asked = { action: 'kms:Encrypt', key: 'arn:aws:kms:r:1:key/k', needs: 'a symmetric encryption key' };

/** An error as the SDK makes them. */
function sdkError(name: string, more: object = {}): Error {
  return Object.assign(new Error('User: arn:aws:sts::1:assumed-role/secret-detail is not authorized'), { name }, more);
}
const answered = (name: string, httpStatusCode = 400) => sdkError(name, { $metadata: { httpStatusCode } });
const system = (code: string) => Object.assign(new Error(code), { code });

const cases: readonly { readonly error: unknown; readonly code: 'REFUSED' | 'UNAVAILABLE'; readonly told: RegExp }[] = [
  {
    error: answered('AccessDeniedException'),
    code: 'REFUSED',
    told: /^AWS KMS denied kms:Encrypt on key arn:aws:kms:r:1:key\/k: .* allows kms:Encrypt/,
  },
  {
    error: answered('NotFoundException'),
    code: 'REFUSED',
    told: /has no key .*k for kms:Encrypt: check its id, account and region/,
  },
  { error: answered('DisabledException'), code: 'REFUSED', told: /cannot do kms:Encrypt: key .* is disabled/ },
  { error: answered('KMSInvalidStateException'), code: 'REFUSED', told: /pending deletion/ },
  { error: answered('InvalidKeyUsageException'), code: 'REFUSED', told: /is not a symmetric encryption key/ },
  { error: answered('UnrecognizedClientException'), code: 'REFUSED', told: /did not accept the server's credentials/ },
  { error: answered('ExpiredTokenException'), code: 'REFUSED', told: /did not accept the server's credentials/ },
  { error: answered('AccessDenied', 403), code: 'REFUSED', told: /did not accept the server's credentials/ },
  {
    error: answered('InvalidIdentityTokenException'),
    code: 'REFUSED',
    told: /did not accept the server's credentials/,
  },
  { error: answered('IDPCommunicationErrorException'), code: 'UNAVAILABLE', told: /IDPCommunicationErrorException/ },
  { error: sdkError('CredentialsProviderError'), code: 'REFUSED', told: /^no AWS credentials for kms:Encrypt on key/ },
  {
    error: answered('ValidationException'),
    code: 'REFUSED',
    told: /refused kms:Encrypt on key .* \(ValidationException\)/,
  },
  {
    error: system('SELF_SIGNED_CERT_IN_CHAIN'),
    code: 'REFUSED',
    told: /cannot be trusted .* not signed by a trusted authority/,
  },
  { error: system('ERR_TLS_CERT_ALTNAME_INVALID'), code: 'REFUSED', told: /its certificate is for another name/ },
  {
    error: answered('ThrottlingException'),
    code: 'UNAVAILABLE',
    told: /is away for kms:Encrypt on key .*: ThrottlingException/,
  },
  { error: answered('KMSInternalException', 500), code: 'UNAVAILABLE', told: /KMSInternalException/ },
  { error: answered('UnknownError', 503), code: 'UNAVAILABLE', told: /UnknownError, HTTP 503/ },
  {
    error: sdkError('SyntaxError', { $response: { statusCode: 403 } }),
    code: 'UNAVAILABLE',
    told: /SyntaxError, HTTP 403/,
  },
  { error: system('ECONNREFUSED'), code: 'UNAVAILABLE', told: /: connection refused$/ },
  { error: new AggregateError([system('ECONNREFUSED')]), code: 'UNAVAILABLE', told: /: connection refused$/ },
  {
    error: sdkError('TimeoutError', { cause: system('ETIMEDOUT') }),
    code: 'UNAVAILABLE',
    told: /: no answer in time$/,
  },
  { error: new Error('x', { cause: system('ENOTFOUND') }), code: 'UNAVAILABLE', told: /its name cannot be resolved$/ },
  { error: 'no error at all', code: 'UNAVAILABLE', told: /unknown error/ },
];
for (const [index, { error, code, told }] of cases.entries()) {
  const name = error instanceof Error ? `${error.name} ${(error as { code?: string }).code ?? ''}` : String(error);
  test(`${index + 1}: ${name.trim()} of the AWS SDK is ${code}, in words of ours`, (t) => {
    const failure = kmsFailure(error, asked);
    t.is(failure.code, `KEY_SERVICE_${code}`);
    t.regex(failure.message, told);
    t.notRegex(failure.message, /secret-detail|ECONN/);
    t.is(failure.cause, error);
  });
}
