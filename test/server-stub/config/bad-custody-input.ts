import { KEY_MANAGER_SECTION_SCHEMA } from '../../../server-stub/src/key-manager/key-manager-section.js';
import { UPSTREAM_SECTION_SCHEMA } from '../../../server-stub/src/upstream-authority/upstream-schemas.js';

/** What the table needs of a field's JSON Schema. */
export interface FieldSchema {
  readonly type: 'string' | 'integer' | 'object';
  readonly description?: string;
  readonly enum?: readonly string[];
}

export interface ProviderSchema {
  readonly required?: readonly string[];
  readonly properties: Readonly<Record<string, FieldSchema>>;
}

type SectionSchema = {
  readonly properties: {
    readonly extensions: { readonly properties: Readonly<Record<string, ProviderSchema>> };
  };
};

/** Every section of custody with its providers, as the server's own schemas have them. */
export const SECTIONS: Readonly<Record<string, SectionSchema>> = {
  KeyManager: KEY_MANAGER_SECTION_SCHEMA as unknown as SectionSchema,
  UpstreamAuthority: UPSTREAM_SECTION_SCHEMA,
};

/** Declared by the server's own configuration in these tests. */
export const EXTENSIONS = {
  modules: ['/usr/lib/softhsm/libsofthsm2.so'],
  secretDirectories: ['/etc/spirl'],
  webhookHosts: ['hsm.example.org:8443'],
};

const PCA = 'arn:aws:acm-pca:us-east-1:123456789012:certificate-authority/11111111-2222-3333-4444-555555555555';
const webhook = {
  webhookURL: 'https://hsm.example.org:8443/',
  caCertPath: '/etc/spirl/ca.pem',
  timeout: '10s',
  bearerTokenPath: '/etc/spirl/token',
};

/** Settings that are right, all of them given; what excludes another field is in `ALTERNATIVES`. */
export const RIGHT: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'KeyManager.awsKMS': { region: 'us-east-1', keySpec: 'ECC_NIST_P256', keyTags: { team: 'platform' } },
  'KeyManager.azureKeyVault': {
    vaultURL: 'https://my-vault.vault.azure.net',
    keyType: 'EC-P256',
    keyTags: { team: 'platform' },
  },
  'KeyManager.pkcs11': {
    modulePath: EXTENSIONS.modules[0],
    tokenLabel: 'spirl',
    pinPath: '/etc/spirl/pin',
    mechanism: 'CKM_ECDSA',
    keyType: 'EC-P256',
    sessions: 4,
  },
  'KeyManager.webhook': webhook,
  'UpstreamAuthority.awsPca': {
    certificateAuthorityArn: PCA,
    region: 'us-east-1',
    signingAlgorithm: 'SHA256WITHECDSA',
    assumeRoleArn: 'arn:aws:iam::123456789012:role/spirl',
  },
  'UpstreamAuthority.disk': {
    certFilePath: '/etc/spirl/ca.pem',
    keyFilePath: '/etc/spirl/ca.key',
    bundleFilePath: '/etc/spirl/root.pem',
  },
  'UpstreamAuthority.webhook': webhook,
};

/** Fields that stand instead of another one. */
export const ALTERNATIVES: Readonly<Record<string, { readonly insteadOf: string; readonly value: unknown }>> = {
  'KeyManager.pkcs11.pinEnvironmentVariable': { insteadOf: 'pinPath', value: 'SPIRL_PKCS11_PIN' },
};

/** Values of the right type that are refused, and what is told; `at`: below the field. */
export interface Misshapen {
  readonly value: unknown;
  readonly told: RegExp;
  readonly at?: string;
}

const undeclaredFile: readonly Misshapen[] = [
  { value: '/etc/passwd', told: /extensions\.secretDirectories; declared: \/etc\/spirl/ },
  { value: '/etc/spirl/../passwd', told: /an absolute path without \.\. is expected/ },
  { value: 'ca.pem', told: /an absolute path without \.\. is expected/ },
];
const badRegion: readonly Misshapen[] = [{ value: 'here', told: /a region \(us-east-1\) is expected/ }];
const badWebhook: readonly Misshapen[] = [
  { value: 'http://hsm.example.org:8443/', told: /an https URL is expected/ },
  { value: 'hsm', told: /a URL is expected/ },
  { value: 'https://other.example.org/', told: /extensions\.webhookHosts; declared: hsm\.example\.org:8443/ },
  { value: 'https://u:p@hsm.example.org:8443/', told: /without user name and password/ },
];
const badTimeout: readonly Misshapen[] = [
  { value: '1h', told: /a duration from 100ms to 1m is expected/ },
  { value: 'soon', told: /a duration from 100ms to 1m is expected/ },
];
const tags = (reserved: string, most: number): readonly Misshapen[] => [
  {
    value: { [`${reserved}x`]: 'a' },
    at: `/${reserved}x`,
    told: new RegExp(`does not begin with ${reserved} is expected`),
  },
  { value: { 'defakto-keyset-id': 'a' }, at: '/defakto-keyset-id', told: /does not begin with defakto- is expected/ },
  { value: { 'a/b': 5 }, at: '/a~1b', told: /text is expected: a tag's value/ },
  { value: { long: 'x'.repeat(257) }, at: '/long', told: /at most 256 characters is expected/ },
  {
    value: Object.fromEntries(Array.from({ length: most + 1 }, (_, n) => [`t${n}`, 'a'])),
    told: new RegExp(`at most ${most} tags are expected`),
  },
];
const oneOf = (...some: readonly string[]): readonly Misshapen[] => [
  { value: 'MD5', told: new RegExp(`one of .*${some.join('.*')}.* is expected`) },
];

/** By `section.provider.field`: every field of every schema has its row. */
export const MISSHAPEN: Readonly<Record<string, readonly Misshapen[]>> = {
  'KeyManager.awsKMS.region': badRegion,
  'KeyManager.awsKMS.keySpec': oneOf('ECC_NIST_P256', 'ECC_NIST_P384', 'RSA_2048'),
  'KeyManager.awsKMS.keyTags': tags('aws:', 47),
  'KeyManager.azureKeyVault.vaultURL': [
    { value: 'vault', told: /a URL is expected/ },
    { value: 'http://my-vault.vault.azure.net', told: /an https URL is expected/ },
    { value: 'https://my-vault.vault.azure.net.evil.example', told: /the URL of a vault/ },
    { value: 'https://my-vault.vault.azure.net/keys', told: /the URL of a vault/ },
  ],
  'KeyManager.azureKeyVault.keyType': oneOf('EC-P256', 'EC-P384', 'RSA-2048'),
  'KeyManager.azureKeyVault.keyTags': tags('azure:', 12),
  'KeyManager.pkcs11.modulePath': [
    { value: '/tmp/evil.so', told: /a module that .* declares is expected \(extensions\.modules; declared: \/usr/ },
  ],
  'KeyManager.pkcs11.tokenLabel': [{ value: 'x'.repeat(33), told: /at most 32 octets is expected/ }],
  'KeyManager.pkcs11.pinPath': undeclaredFile,
  'KeyManager.pkcs11.pinEnvironmentVariable': [
    { value: 'AWS_SECRET_ACCESS_KEY', told: /a variable that begins with SPIRL_PKCS11_ is expected/ },
  ],
  'KeyManager.pkcs11.mechanism': oneOf('CKM_ECDSA', 'CKM_RSA_PKCS'),
  'KeyManager.pkcs11.keyType': [
    ...oneOf('EC-P256', 'RSA-2048'),
    { value: 'RSA-2048', told: /a key type of CKM_ECDSA is expected \(EC-P256, EC-P384\)/ },
  ],
  'KeyManager.pkcs11.sessions': [
    { value: 0, told: /at least 1 is expected/ },
    { value: 17, told: /at most 16 is expected/ },
    { value: 1.5, told: /a whole number is expected/ },
  ],
  'KeyManager.webhook.webhookURL': badWebhook,
  'KeyManager.webhook.caCertPath': undeclaredFile,
  'KeyManager.webhook.timeout': badTimeout,
  'KeyManager.webhook.bearerTokenPath': undeclaredFile,
  'UpstreamAuthority.awsPca.certificateAuthorityArn': [
    { value: 'arn:aws:kms:us-east-1:123456789012:key/x', told: /the ARN of a Private CA \(arn:aws:acm-pca:/ },
    { value: 'x', told: /the ARN of a Private CA/ },
  ],
  'UpstreamAuthority.awsPca.region': badRegion,
  'UpstreamAuthority.awsPca.signingAlgorithm': oneOf('SHA256WITHECDSA', 'SHA512WITHRSA'),
  'UpstreamAuthority.awsPca.assumeRoleArn': [{ value: 'spirl', told: /the ARN of an IAM role \(arn:aws:iam::/ }],
  'UpstreamAuthority.disk.certFilePath': undeclaredFile,
  'UpstreamAuthority.disk.keyFilePath': undeclaredFile,
  'UpstreamAuthority.disk.bundleFilePath': undeclaredFile,
  'UpstreamAuthority.webhook.webhookURL': badWebhook,
  'UpstreamAuthority.webhook.caCertPath': undeclaredFile,
  'UpstreamAuthority.webhook.timeout': badTimeout,
  'UpstreamAuthority.webhook.bearerTokenPath': undeclaredFile,
};

/** Values of other types than a schema's. */
export const OF_ANOTHER_TYPE: Readonly<
  Record<FieldSchema['type'], { readonly values: readonly unknown[]; readonly told: RegExp }>
> = {
  string: { values: [5, true, ['a'], { a: 'b' }], told: /^text is expected/ },
  integer: { values: ['four', true, [4], { a: 4 }], told: /^a whole number is expected/ },
  object: { values: ['a', 5, true, ['a']], told: /^a mapping is expected/ },
};

/** The same for a field with a list of values. */
export const ENUMERATED = { values: [5, true, ['a'], { a: 'b' }], told: /^one of .* is expected/ };
