import test from 'ava';
import { azureFailure } from '../../../server-stub/src/cloud/azure/azure-failure.js';

const asked = {
  service: 'Azure Managed HSM',
  action: 'encrypt',
  key: 'https://h.managedhsm.azure.net/keys/k',
  role: 'Managed HSM Crypto User',
};
const named = (name: string, message: string, more: object = {}) => Object.assign(new Error(message), { name }, more);
const rest = (statusCode: number, code: string) => named('RestError', 'secret-detail', { statusCode, code });
const system = (code: string) => Object.assign(new Error(code), { code });

const cases: readonly { readonly error: unknown; readonly code: 'REFUSED' | 'UNAVAILABLE'; readonly told: RegExp }[] = [
  {
    error: rest(403, 'Forbidden'),
    code: 'REFUSED',
    told: /^Azure Managed HSM denied encrypt with key https:\/\/h.* role Managed HSM Crypto User/,
  },
  { error: rest(401, 'Unauthorized'), code: 'REFUSED', told: /did not accept the server's identity for encrypt/ },
  { error: rest(404, 'KeyNotFound'), code: 'REFUSED', told: /has no key https:\/\/h.*\/k for encrypt \(KeyNotFound\)/ },
  { error: rest(400, 'BadParameter'), code: 'REFUSED', told: /refused encrypt with key .* \(BadParameter\)/ },
  { error: rest(429, 'Throttled'), code: 'UNAVAILABLE', told: /is away for encrypt with key .*: HTTP 429/ },
  { error: rest(503, 'ServiceUnavailable'), code: 'UNAVAILABLE', told: /HTTP 503/ },
  { error: named('RestError', 'x', { code: 'ENOTFOUND' }), code: 'UNAVAILABLE', told: /its name cannot be resolved/ },
  { error: system('ECONNREFUSED'), code: 'UNAVAILABLE', told: /connection refused/ },
  {
    error: system('CERT_HAS_EXPIRED'),
    code: 'REFUSED',
    told: /cannot be trusted for encrypt .* its certificate has expired/,
  },
  {
    error: named('AuthenticationError', 'AADSTS7000215: Invalid client secret'),
    code: 'REFUSED',
    told: /gave no token .*\(AADSTS7000215\)$/,
  },
  {
    error: named('AuthenticationError', 'server_error', { statusCode: 500 }),
    code: 'UNAVAILABLE',
    told: /Microsoft Entra ID gave no token \(HTTP 500\)$/,
  },
  {
    error: named('AuthenticationError', 'AADSTS90033: A transient error has occurred.'),
    code: 'UNAVAILABLE',
    told: /AADSTS90033/,
  },
  {
    error: named('AuthenticationRequiredError', 'network_error: Network request failed'),
    code: 'UNAVAILABLE',
    told: /Entra ID gave no token \(no answer\)/,
  },
  {
    error: named('AuthenticationRequiredError', "ENOENT: no such file, open '/x'"),
    code: 'REFUSED',
    told: /federated token cannot be read/,
  },
  { error: named('CredentialUnavailableError', 'x'), code: 'REFUSED', told: /^no Azure credential for encrypt/ },
  { error: named('AggregateAuthenticationError', 'x'), code: 'REFUSED', told: /^no Azure credential for encrypt/ },
];
for (const [index, { error, code, told }] of cases.entries()) {
  test(`${index + 1}: ${(error as Error).name} ${(error as Error).message.slice(0, 20)} of the Azure SDK is ${code}`, (t) => {
    const failure = azureFailure(error, asked);
    t.is(failure.code, `KEY_SERVICE_${code}`);
    t.regex(failure.message, told);
    t.notRegex(failure.message, /secret-detail|ECONN/);
  });
}
