import { randomBytes } from 'node:crypto';
import anyTest, { type TestFn } from 'ava';
import { createKmsSigningApi, defaultAwsRegion } from '../../../server-stub/src/cloud/aws/kms-signing-api.js';
import { createAwsKmsKeyManager } from '../../../server-stub/src/key-manager/aws-kms/aws-kms-key-manager.js';
import { rawFromDer } from '../../../server-stub/src/signer/ecdsa-signature.js';
import { keyManagerContract, signingContract } from '../../contract/key-manager.js';
import { startMoto, type Moto } from '../aws/corrected-moto.js';
import type { Part } from '../part-process.js';
import { startMinistack } from './ministack.js';

interface Keys {
  readonly AccessKeyId: string;
  readonly SecretAccessKey: string;
}

// One environment, so one test after the other.
const test = anyTest.serial as TestFn;
const signal = new AbortController().signal;
const TYPES = ['EC-P256', 'EC-P384', 'RSA-2048'] as const;
let moto: Moto;
let ministack: Part & { readonly url: string };
let users: { readonly allowed: Keys; readonly denied: Keys };

anyTest.before(async () => {
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';
  [moto, ministack] = await Promise.all([startMoto(), startMinistack()]);
  users = moto.run('../key-managers/kms_users.py') as typeof users;
  await moto.checkAccess(true);
});
anyTest.after.always(() => Promise.all([moto.stop(), ministack.stop()]));

/** As the SDK finds it: endpoint, region and credentials in the environment. */
function managerAt(url: string, keys: Keys, deploymentId = `tdd-${randomBytes(5).toString('hex')}`) {
  process.env['AWS_ENDPOINT_URL'] = url;
  process.env['AWS_REGION'] = 'us-east-1';
  process.env['AWS_ACCESS_KEY_ID'] = keys.AccessKeyId;
  process.env['AWS_SECRET_ACCESS_KEY'] = keys.SecretAccessKey;
  const api = createKmsSigningApi('us-east-1');
  const owner = { trustDomainId: 'td-1', deploymentId };
  const again = () => createAwsKmsKeyManager({ api, owner, keyTags: { team: 'platform' }, rawFromDer });
  return { api, manager: again(), restarted: () => Promise.resolve(again()) };
}

const ofMoto = () => managerAt(moto.url, users.allowed);

// With signatures and permissions checked: the user may do what the operator's guide lists, and nothing else.
keyManagerContract(test, 'awsKMS on moto', TYPES, () => Promise.resolve(ofMoto()));
signingContract(test, 'awsKMS on ministack', TYPES, () =>
  Promise.resolve(managerAt(ministack.url, { AccessKeyId: 'test', SecretAccessKey: 'test' })),
);

test('the region of the environment is the default', async (t) => {
  ofMoto();
  t.is(await defaultAwsRegion(), 'us-east-1');
});

test('more keys than one page holds are all found by their tags', async (t) => {
  const { manager, restarted } = ofMoto();
  const ids = Array.from({ length: 60 }, (_, index) => `ks_${String(index).padStart(10, '0')}`);
  for (const id of ids) await manager.createKey(id, 'EC-P256', signal);
  const found = await (await restarted()).listKeys(signal);
  t.deepEqual(found.map(({ id }) => id).sort(), ids);
});

test('whose account it is can be asked', async (t) => {
  t.regex(await ofMoto().api.accountId(signal), /^\d{12}$/);
});

test('a missing permission is named', async (t) => {
  const { manager } = managerAt(moto.url, users.denied);
  await t.throwsAsync(manager.createKey('ks_aaaaaaaaaa', 'EC-P256', signal), {
    code: 'KEY_SERVICE_REFUSED',
    message: /kms:CreateKey/,
  });
  const deploymentId = 'tdd-denied';
  await managerAt(moto.url, users.allowed, deploymentId).manager.createKey('ks_aaaaaaaaaa', 'EC-P256', signal);
  const [key] = await managerAt(moto.url, users.denied, deploymentId).manager.listKeys(signal);
  if (key === undefined) return t.fail();
  await t.throwsAsync(key.sign(Buffer.from('x'), signal), { code: 'KEY_SERVICE_REFUSED', message: /kms:Sign/ });
});

test('wrong credentials are refused, an absent service is away', async (t) => {
  const wrong = { AccessKeyId: 'AKIAXXXXXXXXXXXXXXXX', SecretAccessKey: 'x' };
  await t.throwsAsync(managerAt(moto.url, wrong).manager.listKeys(signal), { code: 'KEY_SERVICE_REFUSED' });
  await t.throwsAsync(managerAt('http://127.0.0.1:1', users.allowed).manager.listKeys(signal), {
    code: 'KEY_SERVICE_UNAVAILABLE',
  });
});
