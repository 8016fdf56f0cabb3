import test from 'ava';
import { canFind, canRelease } from '../../../../server-stub/src/domain/key-manager.js';
import { createAwsKmsKeyManager } from '../../../../server-stub/src/key-manager/aws-kms/aws-kms-key-manager.js';
import { rawFromDer } from '../../../../server-stub/src/signer/ecdsa-signature.js';
import { keyManagerContract } from '../../../contract/key-manager.js';
import { FakeKms } from '../../../fakes/fake-kms.js';

const signal = new AbortController().signal;
const owner = { trustDomainId: 'td-1', deploymentId: 'tdd-1' };

function managerOf(api: FakeKms, of = owner) {
  return createAwsKmsKeyManager({ api, owner: of, keyTags: { team: 'platform' }, rawFromDer });
}

keyManagerContract(test, 'awsKMS', ['EC-P256', 'EC-P384', 'RSA-2048'], () => {
  const api = new FakeKms();
  return Promise.resolve({ manager: managerOf(api), restarted: () => Promise.resolve(managerOf(api)) });
});

test('each key carries the reserved tags and the operator’s own', async (t) => {
  const api = new FakeKms();
  await managerOf(api).createKey('ks_aaaaaaaaaa', 'EC-P256', signal);
  const [key] = [...api.keys.values()];
  t.deepEqual(key?.tags, {
    'defakto-trust-domain-id': 'td-1',
    'defakto-deployment-id': 'tdd-1',
    'defakto-keyset-id': 'ks_aaaaaaaaaa',
    team: 'platform',
  });
});

test('another deployment’s keys in the same account are neither listed, found nor released', async (t) => {
  const api = new FakeKms();
  await managerOf(api, { ...owner, deploymentId: 'tdd-2' }).createKey('ks_aaaaaaaaaa', 'EC-P256', signal);
  const ours = managerOf(api);
  t.deepEqual(await ours.listKeys(signal), []);
  await ours.releaseKey('ks_aaaaaaaaaa', signal);
  t.deepEqual(api.living(), ['ks_aaaaaaaaaa']);
});

test('a key that the tagging service does not list yet is there all the same: by its maker, and by its reference', async (t) => {
  const api = new FakeKms();
  const manager = managerOf(api);
  const key = await manager.createKey('ks_aaaaaaaaaa', 'EC-P256', signal);
  api.unlisted.add(key.reference ?? '');
  t.is((await manager.listKeys(signal)).length, 1);
  const restarted = managerOf(api);
  t.is((await restarted.listKeys(signal)).length, 0);
  t.is((await restarted.findKey('ks_aaaaaaaaaa', key.reference ?? '', signal))?.id, 'ks_aaaaaaaaaa');
  await restarted.releaseKey('ks_aaaaaaaaaa', signal, key.reference);
  t.deepEqual(api.living(), []);
});

test('a key of another account is explained by naming both accounts', async (t) => {
  const api = new FakeKms();
  const key = await managerOf(api).createKey('ks_aaaaaaaaaa', 'EC-P256', signal);
  api.account = '999988887777';
  await t.throwsAsync(managerOf(api).findKey('ks_aaaaaaaaaa', key.reference ?? '', signal), {
    code: 'KEY_SERVICE_REFUSED',
    message: /account 111122223333, .* account 999988887777/,
  });
});

test('what is no signature is no signature, and says which key', async (t) => {
  const api = new FakeKms();
  const key = await managerOf(api).createKey('ks_aaaaaaaaaa', 'EC-P256', signal);
  api.sign = () => Promise.resolve(Buffer.from('garbage'));
  await t.throwsAsync(key.sign(Buffer.from('x'), signal), { code: 'KEY_SERVICE_UNAVAILABLE', message: /key\/1/ });
});

test('nothing is scanned: a life of keys takes exactly these calls', async (t) => {
  const api = new FakeKms();
  const manager = managerOf(api);
  const key = await manager.createKey('ks_aaaaaaaaaa', 'EC-P256', signal);
  await key.sign(Buffer.from('x'), signal);
  t.deepEqual(api.calls.splice(0), ['keysTagged', 'createKey', 'publicKey', 'sign']);
  await manager.listKeys(signal);
  t.deepEqual(api.calls.splice(0), ['keysTagged', 'publicKey']);
  await manager.releaseKey('ks_aaaaaaaaaa', signal);
  t.deepEqual(api.calls.splice(0), ['tagKey', 'scheduleKeyDeletion']);
  t.deepEqual(await managerOf(api).listKeys(signal), []);
  t.deepEqual(api.calls.splice(0), ['keysTagged']);
  t.true(canFind(manager) && canRelease(manager));
});
