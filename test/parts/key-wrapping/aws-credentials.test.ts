import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { startMoto, type Moto } from '../aws/corrected-moto.js';
import { startCredentialServices, type CredentialServices } from '../aws/credential-services.js';
import { startIdentityIssuer, type IdentityIssuer } from '../identity-issuer.js';
import { WrappedDeployment } from './wrapped-deployment.js';
import { failingStart } from './wrapping-life.js';

// Who the server is to AWS, each way as its documentation describes it: the server as it ships, wrapping with a key of an
// emulator that checks every signature, session token and permission.

interface Keys {
  readonly AccessKeyId: string;
  readonly SecretAccessKey: string;
}
interface Users {
  readonly key: string;
  readonly wrapping: Keys;
  readonly takingOn: Keys;
  readonly role: string;
  readonly webRole: string;
  readonly subject: string;
  readonly audience: string;
}
type Env = Readonly<Record<string, string>>;

let dir: string;
let moto: Moto;
let issuer: IdentityIssuer;
let users: Users;
let services: CredentialServices;
test.before(async () => {
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';
  dir = await mkdtemp(join(tmpdir(), 'spirl-credentials-'));
  [moto, issuer] = await Promise.all([startMoto(), startIdentityIssuer()]);
  users = moto.run('credential_users.py', issuer.url) as Users;
  services = await startCredentialServices({ stsUrl: moto.url, user: users.takingOn, role: users.role });
  await moto.checkAccess(true);
});
test.after.always(async () => {
  await Promise.all([services.stop(), issuer.stop(), moto.stop()]);
  await rm(dir, { recursive: true, force: true });
});

/** Nothing of the machine that runs the test, no metadata service unless a row names one; the region is in the key's ARN alone. */
const NOTHING: Env = {
  AWS_ACCESS_KEY_ID: '',
  AWS_SECRET_ACCESS_KEY: '',
  AWS_PROFILE: '',
  AWS_REGION: '',
  AWS_DEFAULT_REGION: '',
  AWS_EC2_METADATA_DISABLED: 'true',
  HOME: '/nonexistent',
};
const settings = (): string => `aws: { kmsKeyARN: "${users.key}", endpoints: { kms: "${moto.url}" } }\n`;

/** A file of the test's directory; answers its path. */
async function file(name: string, text: string): Promise<string> {
  const path = join(dir, name);
  await writeFile(path, text);
  return path;
}

const profile = (name: string, { AccessKeyId, SecretAccessKey }: Keys): string =>
  `[${name}]\naws_access_key_id = ${AccessKeyId}\naws_secret_access_key = ${SecretAccessKey}\n`;

const webIdentity = async (token: string): Promise<Env> => ({
  AWS_WEB_IDENTITY_TOKEN_FILE: await file('web-token', token),
  AWS_ROLE_ARN: users.webRole,
  AWS_ENDPOINT_URL_STS: moto.url,
  AWS_REGION: 'us-east-1',
});

const container = async (): Promise<Env> => ({
  AWS_CONTAINER_CREDENTIALS_FULL_URI: services.containerUrl,
  AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: await file('container-token', services.containerToken),
});

const WAYS: readonly (readonly [string, () => Env | Promise<Env>])[] = [
  [
    'a key in the environment',
    () => ({
      AWS_ACCESS_KEY_ID: users.wrapping.AccessKeyId,
      AWS_SECRET_ACCESS_KEY: users.wrapping.SecretAccessKey,
    }),
  ],
  [
    'a profile of the shared credentials file',
    async () => ({
      AWS_PROFILE: 'spirl',
      AWS_SHARED_CREDENTIALS_FILE: await file('credentials', profile('spirl', users.wrapping)),
    }),
  ],
  [
    'a profile of the shared configuration file that takes on a role',
    async () => ({
      AWS_PROFILE: 'server',
      AWS_SHARED_CREDENTIALS_FILE: await file('source', profile('source', users.takingOn)),
      AWS_CONFIG_FILE: await file(
        'config',
        `[profile server]\nrole_arn = ${users.role}\nsource_profile = source\nregion = us-east-1\n`,
      ),
      AWS_ENDPOINT_URL_STS: moto.url,
    }),
  ],
  ['a web identity (IRSA)', () => webIdentity(issuer.token(users))],
  ['the endpoint of a container, with its token file', container],
  [
    'the metadata service of an instance, version 2',
    () => ({ AWS_EC2_METADATA_DISABLED: 'false', AWS_EC2_METADATA_SERVICE_ENDPOINT: services.instanceUrl }),
  ],
];

for (const [name, environment] of WAYS) {
  test.serial(`the server is to AWS who it is by ${name}`, async (t) => {
    const deployment = await WrappedDeployment.make();
    t.teardown(() => deployment.destroy());
    const server = await deployment.start(settings(), { ...NOTHING, ...(await environment()) });
    await server.says('Serving metrics and health');
    t.regex(users.key, /^arn:aws:kms:eu-west-1:/);
    t.true(server.output().includes(`  Key wrapping via KMS keyARN=${users.key}\n`), server.output());
    await server.kill('SIGTERM');
  });
}

for (const [name, environment] of [
  ['of a container', container],
  [
    'of an instance',
    () => ({ AWS_EC2_METADATA_DISABLED: 'false', AWS_EC2_METADATA_SERVICE_ENDPOINT: services.instanceUrl }),
  ],
] as const) {
  test.serial(`credentials ${name} that have ended are replaced, without a restart`, async (t) => {
    const deployment = await WrappedDeployment.make();
    t.teardown(() => deployment.destroy());
    services.lifetime(6);
    t.teardown(() => services.lifetime(3600));
    const server = await deployment.start(settings(), { ...NOTHING, ...(await environment()) });
    await server.says('Serving metrics and health');
    const before = services.given();
    await delay(6_500);
    const { code, stderr } = await deployment.keyset('prepare');
    t.is(code, 0, stderr);
    t.true(services.given() > before);
    t.false(server.output().includes('ExpiredToken'));
    await server.kill('SIGTERM');
  });
}

const of = (needs: string): string => `kms:Encrypt on key ${users.key}${needs}`;
test.serial('without any credentials the start ends at once and says what was looked for', async (t) => {
  t.is(
    await failingStart(t, settings(), NOTHING),
    `no AWS credentials for ${of(': none in environment, profile, web identity, container or instance')} (CredentialsProviderError)`,
  );
});

test.serial('a web identity that STS does not accept ends the start at once, without the token', async (t) => {
  const tokens = [
    ['another subject', issuer.token({ ...users, subject: 'system:serviceaccount:other:other' }), 'AccessDenied'],
    ['another audience', issuer.token({ ...users, audience: 'other' }), 'InvalidIdentityTokenException'],
    ['an ended one', issuer.token({ ...users, seconds: -60 }), 'ExpiredTokenException'],
    ['a forged one', `${issuer.token(users).slice(0, -8)}AAAAAAAA`, 'InvalidIdentityTokenException'],
  ] as const;
  for (const [name, token, code] of tokens) {
    const told = await failingStart(t, settings(), { ...NOTHING, ...(await webIdentity(token)) });
    t.true(told.endsWith(`(${code})`), `${name}: ${told}`);
    t.regex(told, /^AWS did not accept the server's credentials for kms:Encrypt/);
    t.false(told.includes(token.slice(0, 40)));
  }
});
