import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import {
  CLIENT_SECRET,
  FEDERATED_AUDIENCE,
  federated,
  managedIdentity,
  startAzureKeyService,
  type AzureKeyService,
} from '../azure/azure-key-service.js';
import { startIdentityIssuer, type IdentityIssuer } from '../identity-issuer.js';
import { WrappedDeployment } from './wrapped-deployment.js';
import { failingStart } from './wrapping-life.js';

// Who the server is to Azure, each way as its documentation describes it: the server as it ships, with the official identity
// library, wrapping with a key of the Managed HSM of the test tree, which takes no token but those of its own Entra ID.

const ORIGIN = 'https://my-managed-hsm.managedhsm.azure.net';
const KEY = 'defakto-wrapping-key';
const SETTINGS = `azure: { keyVault: { url: "${ORIGIN}/", keyName: ${KEY} } }\nstartup: { keyServiceTimeout: 20s }\n`;
const SUBJECT = 'system:serviceaccount:spirl-system:spirl-server';
type Env = Readonly<Record<string, string>>;

let dir: string;
let azure: AzureKeyService;
let issuer: IdentityIssuer;
test.before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spirl-credentials-'));
  [azure, issuer] = await Promise.all([startAzureKeyService(), startIdentityIssuer()]);
  await azure.createKey(ORIGIN, KEY);
  await azure.federate(issuer.url, SUBJECT);
});
test.after.always(async () => {
  await Promise.all([azure.stop(), issuer.stop()]);
  await rm(dir, { recursive: true, force: true });
});
test.afterEach.always(() => azure.fail({}));

/** Workload identity with this token in its file. */
async function workload(token: string): Promise<Env> {
  const file = join(dir, 'token');
  await writeFile(file, token);
  return federated(file);
}
const good = (): string => issuer.token({ subject: SUBJECT, audience: FEDERATED_AUDIENCE });

const WAYS: readonly {
  readonly name: string;
  readonly env: () => Env | Promise<Env>;
  /** Where its tokens come from. */
  readonly asked: 'token' | 'identity';
}[] = [
  { name: 'a client secret', env: () => CLIENT_SECRET, asked: 'token' },
  { name: 'workload identity (a federated token)', env: () => workload(good()), asked: 'token' },
  {
    name: 'a managed identity, at the endpoint of App Service',
    env: () => managedIdentity(azure.identityUrl).appService,
    asked: 'identity',
  },
  {
    name: 'a managed identity, at the metadata service of a machine',
    env: () => managedIdentity(azure.identityUrl).machine,
    asked: 'identity',
  },
];

for (const { name, env, asked } of WAYS) {
  test.serial(`the server is to Azure who it is by ${name}`, async (t) => {
    const deployment = await WrappedDeployment.make();
    t.teardown(() => deployment.destroy());
    const own = await env();
    await azure.resetCalls();
    const server = await deployment.start(SETTINGS, { ...azure.env, ...own });
    await server.says('Serving metrics and health');
    const told = `  Key wrapping via Azure Key Vault keyVaultURL=${ORIGIN}/ keyName=${KEY}\n`;
    t.true(server.output().includes(told), server.output());
    const calls = await azure.calls();
    t.is(calls[asked === 'token' ? 'identity' : 'token'], undefined);
    t.true((calls[asked] ?? 0) > 0);
    await server.kill('SIGTERM');
  });

  test.serial(`tokens by ${name} that have ended are replaced, without a restart`, async (t) => {
    const deployment = await WrappedDeployment.make();
    t.teardown(() => deployment.destroy());
    await azure.fail({ tokenSeconds: 6 });
    const server = await deployment.start(SETTINGS, { ...azure.env, ...(await env()) });
    await server.says('Serving metrics and health');
    await azure.resetCalls();
    await delay(6_500);
    const { code, stderr } = await deployment.keyset('prepare');
    t.is(code, 0, stderr);
    t.true(((await azure.calls())[asked] ?? 0) > 0);
    await server.kill('SIGTERM');
  });
}

for (const [name, token, code] of [
  ['another subject', () => issuer.token({ subject: 'other', audience: FEDERATED_AUDIENCE }), 'AADSTS700213'],
  ['another audience', () => issuer.token({ subject: SUBJECT, audience: 'sts.amazonaws.com' }), 'AADSTS700212'],
  [
    'an end that has passed',
    () => issuer.token({ subject: SUBJECT, audience: FEDERATED_AUDIENCE, seconds: -60 }),
    'AADSTS700024',
  ],
  ['a forged signature', () => `${good().slice(0, -8)}AAAAAAAA`, 'AADSTS700027'],
] as const) {
  test.serial(`a federated token with ${name} ends the start at once, without the token`, async (t) => {
    const text = token();
    const told = await failingStart(t, SETTINGS, { ...azure.env, ...(await workload(text)) });
    t.true(told.startsWith('Microsoft Entra ID gave no token for key get with key '), told);
    t.true(told.endsWith(`(${code})`), told);
    t.false(told.includes(text.slice(0, 40)));
  });
}

test.serial('a federated token that is not there ends the start at once', async (t) => {
  const told = await failingStart(t, SETTINGS, { ...azure.env, ...federated(join(dir, 'no-such-token')) });
  t.regex(told, /^no Azure token for key get .*: the federated token cannot be read$/);
});

test.serial('without any credential the start ends at once and says what was looked for', async (t) => {
  // A developer's tools are left out, this machine may have some; the proxy knows no metadata service.
  const told = await failingStart(t, SETTINGS, { ...azure.env, AZURE_TOKEN_CREDENTIALS: 'prod' });
  t.regex(
    told,
    /^no Azure credential for key get .*: no client secret, workload identity or managed identity was found$/,
  );
});
