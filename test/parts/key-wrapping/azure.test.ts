import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import {
  CLIENT_SECRET,
  FEDERATED_AUDIENCE,
  federated,
  startAzureKeyService,
  type AzureKeyService,
} from '../azure/azure-key-service.js';
import { startIdentityIssuer } from '../identity-issuer.js';
import { WrappedDeployment } from './wrapped-deployment.js';
import { failingStart, wrappingLife } from './wrapping-life.js';

// The server as it ships, official SDK and identity included, against an honest Managed HSM under the customer's own host name.

const URL_ = 'https://my-managed-hsm.managedhsm.azure.net/';
const KEY = 'defakto-wrapping-key';
const ORIGIN = 'https://my-managed-hsm.managedhsm.azure.net';
const key = (name: string, more = '') => `azure: { keyVault: { url: "${URL_}", keyName: ${name}${more} } }\n`;
const QUICK = 'startup: { keyServiceTimeout: 3s }\n';

let azure: AzureKeyService;
let version: string;
test.before(async () => {
  azure = await startAzureKeyService();
  version = await azure.createKey(ORIGIN, KEY);
  await azure.createKey(ORIGIN, 'other-key');
  await azure.createKey(ORIGIN, 'signing-key', 'EC', 0, 'sign,verify');
  await azure.createKey(ORIGIN, 'wrap-only', 'oct', 256, 'wrapKey,unwrapKey');
  await azure.createKey(ORIGIN, 'short-key', 'oct', 128);
});
test.after.always(() => azure.stop());
test.afterEach.always(() => azure.fail({}));

test.serial('keys wrapped by a Managed HSM: start, rotation, outage, kill -9, restart, a wrong key', async (t) => {
  await azure.resetCalls();
  await wrappingLife(t, {
    settings: key(KEY),
    otherKey: key('other-key'),
    env: { ...azure.env, ...CLIENT_SECRET },
    success: `Key wrapping via Azure Key Vault keyVaultURL=${URL_} keyName=${KEY}`,
    name: 'azureManagedHSM',
    kek: `${ORIGIN}/keys/${KEY}`,
    otherKek: `${ORIGIN}/keys/other-key`,
    permitted: ['challenge', 'token', 'get', 'encrypt', 'decrypt'],
    calls: () => azure.calls(),
    resetCalls: () => azure.resetCalls(),
    down: () => azure.fail({ unreachable: ['*'] }),
    up: () => azure.fail({}),
  });
});

test.serial('records survive a rotation of the key; rewrapped, they no longer need the old version', async (t) => {
  const deployment = await WrappedDeployment.make();
  t.teardown(() => deployment.destroy());
  const name = 'rotated-key';
  const old = await azure.createKey(ORIGIN, name);
  const token = join(deployment.dir, 'token');
  const issuer = await startIdentityIssuer();
  t.teardown(() => issuer.stop());
  await azure.federate(issuer.url, 'spirl-server');
  await writeFile(token, issuer.token({ subject: 'spirl-server', audience: FEDERATED_AUDIENCE }));
  const start = async () => {
    const server = await deployment.start(key(name), { ...azure.env, ...federated(token) });
    await server.says('Serving metrics and health');
    return server;
  };
  const first = await start();
  const ids = await deployment.list();
  await azure.createKey(ORIGIN, name);
  await first.kill('SIGTERM');
  const second = await start();
  t.deepEqual(await deployment.list(), ids);
  t.is((await deployment.keyset('prepare')).code, 0);
  const rewrapped = await deployment.keyset('rewrap');
  t.regex(rewrapped.stdout, /\n3 of 4 sealed records rewrapped by azureManagedHSM with key https:/);
  t.regex((await deployment.keyset('rewrap')).stdout, /\n0 of 4 sealed records rewrapped/);
  await second.kill('SIGTERM');
  await azure.disableVersion(ORIGIN, name, old);
  const third = await start();
  t.is((await deployment.list()).length, 2);
  await third.kill('SIGTERM');
});

const denied = (action: string, at: string): string =>
  `Azure Managed HSM denied ${action} with key ${at} (Forbidden): the server's identity needs the role ` +
  `Managed HSM Crypto User, and the key must be enabled and allow ${action}`;
for (const action of ['get', 'encrypt', 'decrypt'] as const) {
  test.serial(`without permission to ${action} the start ends at once and names service, key and action`, async (t) => {
    await azure.fail({ deny: [action] });
    const at = `${ORIGIN}/keys/${KEY}${action === 'get' ? '' : `/${version}`}`;
    const told = await failingStart(t, key(KEY), { ...azure.env, ...CLIENT_SECRET });
    t.is(told, denied(action === 'get' ? 'key get' : action, at));
  });
}

for (const [name, told] of [
  ['signing-key', /is of type EC-HSM and cannot do A256GCM/],
  ['wrap-only', /does not allow encrypt and decrypt: it needs --ops encrypt decrypt/],
  ['short-key', /refused encrypt with key .*short-key\/[0-9a-f]{32} \(BadParameter\)/],
  ['no-such-key', /has no key .*no-such-key for key get \(KeyNotFound\)/],
] as const) {
  test.serial(`${name} is refused at once by name`, async (t) => {
    t.regex(await failingStart(t, key(name), { ...azure.env, ...CLIENT_SECRET }), told);
  });
}

test.serial('a pinned version that does not exist is refused at once', async (t) => {
  const told = await failingStart(t, key(KEY, ', keyVersion: a1b2c3d4e5f6'), { ...azure.env, ...CLIENT_SECRET });
  t.regex(told, new RegExp(`has no key ${ORIGIN}/keys/${KEY}/a1b2c3d4e5f6 for key get`));
});

test.serial('a wrong client secret is refused at once, with the code of Entra ID and without the secret', async (t) => {
  const env = { ...azure.env, ...CLIENT_SECRET, AZURE_CLIENT_SECRET: 'not-this-one' };
  const told = await failingStart(t, key(KEY), env);
  t.regex(told, /^Microsoft Entra ID gave no token for key get with key .* \(AADSTS7000215\)$/);
  t.false(told.includes('not-this-one'));
});

for (const [name, faults, told] of [
  [
    'the service is unreachable',
    { unreachable: ['my-managed-hsm.managedhsm.azure.net'] },
    /is away for key get .*; waited 3s/,
  ],
  [
    'Entra ID is unreachable',
    { unreachable: ['login.microsoftonline.com'] },
    /Entra ID gave no token \(no answer\); waited 3s/,
  ],
  ['the service throttles', { status: 429 }, /; waited 3s for it$/],
  ['the service is overloaded', { status: 503 }, /; waited 3s for it$/],
  ['the service answers with garbage', { garbage: true }, /; waited 3s for it$/],
] as const) {
  test.serial(`while ${name} the start waits, bounded, and then says what for`, async (t) => {
    await azure.fail(faults);
    t.regex(await failingStart(t, key(KEY) + QUICK, { ...azure.env, ...CLIENT_SECRET }), told);
  });
}
