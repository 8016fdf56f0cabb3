import test from 'ava';
import { parseServerConfig } from '../../../server-stub/src/config/server-config.js';
import { InvalidConfigError } from '../../../src/runtime/problems.js';

const HOUR = 3_600_000;
const minimal = 'trustDomainDeployment: { trustDomainName: example.org }\n';

function problemsOf(t: { throws: (fn: () => unknown) => unknown }, text: string) {
  const error = t.throws(() => parseServerConfig(text, {}, 'server.yaml'));
  if (!(error instanceof InvalidConfigError)) throw error;
  return error.problems.map(({ path, reason }) => `${path}: ${reason}`);
}

test('a trust domain name is enough', (t) => {
  const config = parseServerConfig(minimal);
  t.is(config.trustDomainDeployment.name, 'default');
  t.is(config.trustDomainDeployment.id, undefined);
  t.deepEqual(config.keyset, {
    lifetime: 2160 * HOUR,
    preparationThreshold: 336 * HOUR,
    activationThreshold: 168 * HOUR,
  });
  t.deepEqual(config.svid, { x509TTL: 24 * HOUR, jwtTTL: 24 * HOUR });
  t.deepEqual(config.agentEndpoint, { host: '127.0.0.1', port: 8443, names: [] });
  t.is(config.bootstrapFile, '/var/lib/spirl-server/bootstrap.pem');
  t.is(config.bundlePath, '/var/lib/spirl-server/bundle.pem');
  t.is(config.metricsAPI.port, 9090);
  t.false(config.ocsf.enabled);
  t.false(config.telemetry.collectors.grpc.emmitLatencyMetrics);
  t.true(Object.isFrozen(config) && Object.isFrozen(config.keyset) && Object.isFrozen(config.agentEndpoint.names));
});

test('the thresholds shrink with the lifetime of a keyset', (t) => {
  const { keyset } = parseServerConfig(`${minimal}keyset: { lifetime: 216h }`);
  t.deepEqual(keyset, { lifetime: 216 * HOUR, preparationThreshold: 33.6 * HOUR, activationThreshold: 16.8 * HOUR });
});

test('lab lifetimes need labTtl', (t) => {
  const lab = `${minimal}svid: { x509TTL: 10s, jwtTTL: 1m }\nkeyset: { lifetime: 10m }\n`;
  t.deepEqual(parseServerConfig(`${lab}labTtl: true`).svid, { x509TTL: 10_000, jwtTTL: 60_000 });
  t.deepEqual(problemsOf(t, lab), [
    '/keyset/lifetime: at least 24h0m0s is expected (less with labTtl: true)',
    '/svid/x509TTL: a duration from 1h0m0s to 168h0m0s is expected (down to 10s with labTtl: true)',
    '/svid/jwtTTL: a duration from 5m0s to 168h0m0s is expected (down to 10s with labTtl: true)',
  ]);
});

const KMS_KEY = 'arn:aws:kms:us-east-1:123456789012:key/example-key-id';

test('two key wrapping services at once are refused, with everything wrong in either', (t) => {
  const exclude = ': aws.kmsKeyARN and azure.keyVault.url exclude each other: keys are wrapped by exactly one service';
  t.deepEqual(
    problemsOf(t, `${minimal}aws: { kmsKeyARN: "arn:aws:kms:x" }\nazure: { keyVault: { url: "https://h" } }`),
    [
      '/aws/kmsKeyARN: the ARN of a key (arn:aws:kms:<region>:<account>:key/<id>; an alias may change its meaning) is expected',
      '/azure/keyVault/url: https://<name>.managedhsm.azure.net (only a Managed HSM can wrap keys) is expected',
      exclude,
      '/azure/keyVault/keyName: the name of a key is required with azure.keyVault.url',
    ],
  );
  const both = `aws: { kmsKeyARN: "${KMS_KEY}" }\nazure: { keyVault: { url: "https://h.managedhsm.azure.net/", keyName: k } }`;
  t.deepEqual(problemsOf(t, minimal + both), [exclude]);
});

test('the settings of the operator pages are accepted as they are printed there', (t) => {
  const { aws } = parseServerConfig(
    `${minimal}aws:\n  kmsKeyARN: "${KMS_KEY}"\n  endpoints:\n    kms: "https://kms.us-east-1.amazonaws.com"\n`,
  );
  t.like(aws, { kmsKeyARN: KMS_KEY, endpoints: { kms: 'https://kms.us-east-1.amazonaws.com' } });
  const keyVault = {
    url: 'https://my-managed-hsm.managedhsm.azure.net/',
    keyName: 'defakto-wrapping-key',
    keyVersion: 'a1b2c3d4e5f6',
  };
  t.deepEqual(parseServerConfig(`${minimal}azure: { keyVault: ${JSON.stringify(keyVault)} }`).azure, { keyVault });
});

for (const url of [
  'http://h.managedhsm.azure.net',
  'https://h.vault.azure.net',
  'https://h.managedhsm.azure.net.evil.example',
  'https://evil.example/.managedhsm.azure.net',
  'https://user@h.managedhsm.azure.net',
  'https://h.managedhsm.azure.net:8443',
  'https://h.managedhsm.azure.net/keys',
]) {
  test(`${url} is no Managed HSM, and is refused before anybody calls it`, (t) => {
    t.deepEqual(problemsOf(t, `${minimal}azure: { keyVault: { url: "${url}", keyName: k } }`), [
      '/azure/keyVault/url: https://<name>.managedhsm.azure.net (only a Managed HSM can wrap keys) is expected',
    ]);
  });
}

for (const arn of [
  'arn:aws:kms:us-east-1:123456789012:alias/wrapping',
  'arn:aws:s3:us-east-1:123456789012:key/x',
  'arn:aws:kms::123456789012:key/x',
  'arn:aws:kms:us-east-1:12345:key/x',
  'example-key-id',
]) {
  test(`${arn} is no ARN of a KMS key`, (t) => {
    t.regex(problemsOf(t, `${minimal}aws: { kmsKeyARN: "${arn}" }`)[0] ?? '', /^\/aws\/kmsKeyARN: the ARN of a key/);
  });
}

test('another endpoint of AWS KMS is https, or on this machine', (t) => {
  const endpoint = (url: string) => `${minimal}aws: { kmsKeyARN: "${KMS_KEY}", endpoints: { kms: "${url}" } }`;
  for (const url of ['https://vpce-1.kms.us-east-1.vpce.amazonaws.com', 'http://127.0.0.1:5000', 'http://[::1]:5000']) {
    t.notThrows(() => parseServerConfig(endpoint(url)), url);
  }
  for (const url of ['http://kms.us-east-1.amazonaws.com', 'https://h/path', 'https://u:p@h', 'ftp://h', 'h']) {
    t.regex(problemsOf(t, endpoint(url))[0] ?? '', /^\/aws\/endpoints\/kms: an https URL/, url);
  }
});

test('a Managed HSM and the name of its key go together', (t) => {
  t.deepEqual(problemsOf(t, `${minimal}azure: { keyVault: { keyName: k } }`), [
    '/azure/keyVault/url: the URL of a Managed HSM is required with azure.keyVault.keyName',
  ]);
  t.deepEqual(problemsOf(t, `${minimal}azure: { keyVault: { url: "https://h.managedhsm.azure.net" } }`), [
    '/azure/keyVault/keyName: the name of a key is required with azure.keyVault.url',
  ]);
});

test('empty key wrapping settings are unset', (t) => {
  t.notThrows(() =>
    parseServerConfig(`${minimal}aws: { kmsKeyARN: "", endpoints: { kms: "" } }\nazure: { keyVault: { url: "" } }`),
  );
});

const wrong: readonly { name: string; lines: string; told: RegExp }[] = [
  {
    name: 'a preparation threshold as long as the lifetime',
    lines: 'keyset: { preparationThreshold: 2160h }',
    told: /^\/keyset\/preparationThreshold: less than keyset.lifetime \(2160h0m0s\)/,
  },
  {
    name: 'an activation threshold as long as the preparation threshold',
    lines: 'keyset: { activationThreshold: 336h }',
    told: /^\/keyset\/activationThreshold: less than keyset.preparationThreshold \(336h0m0s\)/,
  },
  { name: 'a TTL of more than a week', lines: 'svid: { x509TTL: 169h }', told: /^\/svid\/x509TTL: .* to 168h0m0s/ },
  { name: 'a negative TTL', lines: 'svid: { jwtTTL: -1h }', told: /^\/svid\/jwtTTL: a duration/ },
  {
    name: 'the other spelling',
    lines: 'telemetry: { collectors: { grpc: { emitLatencyMetrics: true } } }',
    told: /known here: emmit/,
  },
  { name: 'a relative secret directory', lines: 'extensions: { secretDirectories: [etc] }', told: /an absolute path/ },
  {
    name: 'a directory with ..',
    lines: 'extensions: { secretDirectories: [/a/../etc] }',
    told: /an absolute path without/,
  },
  { name: 'one name instead of a list', lines: 'agentEndpoint: { names: a.example }', told: /a list of at most 64/ },
];
for (const { name, lines, told } of wrong) {
  test(`${name} is refused`, (t) => {
    const problems = problemsOf(t, `${minimal}${lines}\n`);
    t.is(problems.length, 1);
    t.regex(problems[0] ?? '', told);
  });
}

for (const name of ['Example.org', 'spiffe://a', 'a b', '"a\\n"', 'x'.repeat(256)]) {
  test(`${name.slice(0, 20)} is no trust domain`, (t) => {
    t.regex(
      problemsOf(t, `trustDomainDeployment: { trustDomainName: ${name} }`).join(),
      /trustDomainName: a trust domain/,
    );
  });
}
