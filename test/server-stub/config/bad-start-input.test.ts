import test from 'ava';
import { parseServerConfig } from '../../../server-stub/src/config/server-config.js';
import { SERVER_SETTINGS } from '../../../server-stub/src/config/server-settings.js';
import { sectionTypesOf } from '../../../server-stub/src/deployment-sections.js';
import { InvalidConfigError, type Problem } from '../../../src/runtime/problems.js';
import { isSetting, type SettingGroup } from '../../../src/runtime/settings.js';
import { EXTENSIONS, MISSHAPEN, SECTIONS } from './bad-custody-input.js';

// Every setting of custody in the server's own configuration file, in every way to be wrong, through the door of the program.

type Tree = { readonly [key: string]: unknown };

function problemsOf(settings: Tree): readonly Problem[] {
  const text = JSON.stringify({ trustDomainDeployment: { trustDomainName: 'example.org' }, ...settings });
  try {
    parseServerConfig(text, {}, 'server.yaml', (settings) => sectionTypesOf(settings, () => undefined));
    return [];
  } catch (error) {
    if (error instanceof InvalidConfigError) return error.problems;
    throw error;
  }
}

/** `{ aws: { endpoints: { kms: value } } }` for `/aws/endpoints/kms`. */
function at(pointer: string, value: unknown): Tree {
  const [, ...keys] = pointer.split('/');
  return keys.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as Tree;
}

function leaves(group: SettingGroup, pointer = ''): readonly string[] {
  return Object.entries(group).flatMap(([key, entry]) =>
    isSetting(entry) ? [`${pointer}/${key}`] : leaves(entry, `${pointer}/${key}`),
  );
}

const { aws, azure, startup, extensions, managedConfig } = SERVER_SETTINGS;
const settings = leaves({ aws, azure, startup, extensions, managedConfig });

interface Wrong {
  readonly value: unknown;
  readonly told: RegExp;
  /** Below the setting. */
  readonly below?: string;
}
const endpoint: readonly Wrong[] = [
  5,
  ['https://a'],
  'kms',
  'http://kms.us-east-1.amazonaws.com',
  'https://h/path',
].map((value) => ({
  value,
  told: /^an https URL without a path \(http for an address of this machine\) is expected$/,
}));
const list = (entry: RegExp, ...wrong: readonly unknown[]): readonly Wrong[] => [
  ...[5, 'one', { a: 'b' }, Array<string>(65).fill('/a')].map((value) => ({
    value,
    told: /^a list of at most 64 entries/,
  })),
  ...wrong.map((value) => ({ value: ['/ok', value], below: '/1', told: entry })),
];
const path = list(/^an absolute path without \.\. is expected$/, 'a.so', '/a/../b', 5, '');

const WRONG: Readonly<Record<string, readonly Wrong[]>> = {
  '/aws/kmsKeyARN': [5, [], 'key', 'arn:aws:kms:us-east-1:123456789012:alias/a'].map((value) => ({
    value,
    told: /^the ARN of a key \(arn:aws:kms:<region>:<account>:key\/<id>; an alias may change its meaning\) is expected$/,
  })),
  '/aws/endpoints/kms': endpoint,
  '/aws/endpoints/acmPca': endpoint,
  '/aws/endpoints/sts': endpoint,
  '/azure/keyVault/url': [5, 'hsm', 'http://h.managedhsm.azure.net', 'https://h.vault.azure.net'].map((value) => ({
    value,
    told: /^https:\/\/<name>\.managedhsm\.azure\.net \(only a Managed HSM can wrap keys\) is expected$/,
  })),
  '/azure/keyVault/keyName': [5, 'a b', 'x'.repeat(128)].map((value) => ({ value, told: /^a key name of 1 to 127/ })),
  '/azure/keyVault/keyVersion': [5, 'a-b', 'x'.repeat(65)].map((value) => ({
    value,
    told: /^a key version of 1 to 64/,
  })),
  '/startup/keyServiceTimeout': [60, '60', '10ms', '2h', 'soon'].map((value) => ({
    value,
    told: /^a duration from 1s to 1h0m0s \(such as 90s, 10m, 24h\) is expected$/,
  })),
  '/extensions/modules': path,
  '/extensions/secretDirectories': path,
  '/extensions/webhookHosts': list(/^a host name or address is expected$/, 'https://h', 'a b', 5).map((wrong) =>
    Array.isArray(wrong.value) && wrong.value.length === 2
      ? { ...wrong, value: ['ok', (wrong.value as unknown[])[1]] }
      : wrong,
  ),
  '/managedConfig': [
    ...[5, 'KeyManager', { section: 'KeyManager' }, Array<object>(17).fill({})].map((value) => ({
      value,
      told: /^a list of at most 16 sections \(section, schema, spec\) is expected$/,
    })),
    { value: ['KeyManager'], below: '/0', told: /^a mapping is expected$/ },
    { value: [{ schema: 'v1' }], below: '/0/section', told: /is required$/ },
    { value: [{ section: 'KeyManager' }], below: '/0/schema', told: /is required$/ },
    { value: [{ section: 'KeyManager', schema: 'v2' }], below: '/0/schema', told: /^schema v1 is expected$/ },
    {
      value: [{ section: 'KeyManagr', schema: 'v1' }],
      below: '/0/section',
      told: /^unknown section \(known .*KeyManager/,
    },
    {
      value: [{ section: 'SVIDIssuancePolicy', schema: 'v1' }],
      below: '/0/section',
      told: /belongs to the scope cluster/,
    },
    {
      value: [{ section: 'KeyManager', schema: 'v1', spce: {} }],
      below: '/0/spce',
      told: /^unknown setting \(known: .*spec/,
    },
  ],
};

/** Settings that go together with this one; a value that is wrong is given beside them. */
function beside(pointer: string): Tree {
  const hsm = { url: 'https://h.managedhsm.azure.net', keyName: 'k' };
  if (!pointer.startsWith('/azure/')) return {};
  const key = pointer.split('/').at(-1) ?? '';
  return Object.fromEntries(Object.entries(hsm).filter(([name]) => name !== key));
}

function placed(pointer: string, value: unknown): Tree {
  if (!pointer.startsWith('/azure/')) return at(pointer, value);
  return { azure: { keyVault: { ...beside(pointer), [pointer.split('/').at(-1) ?? '']: value } } };
}

test('every setting of custody has wrong values in the table, and the table has no others', (t) => {
  t.deepEqual(Object.keys(WRONG).sort(), [...settings].sort());
});

for (const pointer of settings) {
  test(`${pointer}: each wrong value is told at its place, and nothing else is`, (t) => {
    for (const { value, told, below = '' } of WRONG[pointer] ?? []) {
      const problems = problemsOf(placed(pointer, value));
      t.deepEqual(
        problems.map(({ path: place }) => place),
        [pointer + below],
        JSON.stringify(value),
      );
      t.regex(problems[0]?.reason ?? '', told);
    }
  });

  test(`${pointer}: a misspelt neighbour is named, with the right spelling`, (t) => {
    const [problem, ...more] = problemsOf(at(`${pointer}X`, 'a'));
    t.deepEqual([problem?.path, more], [`${pointer}X`, []]);
    t.regex(problem?.reason ?? '', new RegExp(`^unknown setting; known here: .*\\b${pointer.split('/').at(-1)}\\b`));
  });
}

for (const group of ['/aws', '/aws/endpoints', '/azure', '/azure/keyVault', '/startup', '/extensions']) {
  test(`${group}: what is no group of settings is told once`, (t) => {
    for (const value of [5, 'a', true, ['a']]) {
      t.deepEqual(problemsOf(at(group, value)), [
        { path: group, reason: 'a group of settings (key: value) is expected' },
      ]);
    }
  });
}

test('everything that is wrong in one file is told at once: settings, what does not fit together, and sections', (t) => {
  const firstWrong = (name: string) => MISSHAPEN[name]?.find(({ at: place }) => place === undefined)?.value;
  const sections = Object.entries(SECTIONS).map(([section, schema]) => ({
    section,
    schema: 'v1',
    spec: {
      extensions: Object.fromEntries(
        Object.entries(schema.properties.extensions.properties).map(([provider, { properties }]) => [
          provider,
          Object.fromEntries(
            Object.keys(properties).map((field) => [field, firstWrong(`${section}.${provider}.${field}`)]),
          ),
        ]),
      ),
    },
  }));
  const paths = problemsOf({
    svid: { x509TTL: '1s' },
    keyset: { lifetime: '1h' },
    aws: { kmsKeyARN: 'key', endpoints: { kms: 'kms', acmPca: 'pca', sts: 'sts' } },
    azure: { keyVault: { url: 'hsm', keyName: '', keyVersion: 'a-b' } },
    startup: { keyServiceTimeout: 'soon' },
    extensions: {
      modules: [...EXTENSIONS.modules, 'a.so'],
      secretDirectories: [...EXTENSIONS.secretDirectories, 'etc'],
      webhookHosts: [...EXTENSIONS.webhookHosts, 'https://h'],
    },
    managedConfig: sections,
  }).map(({ path: place }) => place);
  const fields = Object.entries(SECTIONS).flatMap(([, schema], index) =>
    Object.entries(schema.properties.extensions.properties).flatMap(([provider, { properties }]) =>
      Object.keys(properties).map((field) => `/managedConfig/${index}/spec/extensions/${provider}/${field}`),
    ),
  );
  const twice = ['/managedConfig/0/spec/extensions', '/managedConfig/1/spec/extensions'];
  t.deepEqual(
    [...paths].sort(),
    [
      ...['', '/aws/endpoints/acmPca', '/aws/endpoints/kms', '/aws/endpoints/sts', '/aws/kmsKeyARN'],
      ...['/azure/keyVault/keyName', '/azure/keyVault/keyVersion', '/azure/keyVault/url'],
      ...['/extensions/modules/1', '/extensions/secretDirectories/1', '/extensions/webhookHosts/1'],
      ...['/keyset/lifetime', '/startup/keyServiceTimeout', '/svid/x509TTL'],
      ...[...fields, ...twice, '/managedConfig/0/spec/extensions/pkcs11'],
    ].sort(),
  );
});
