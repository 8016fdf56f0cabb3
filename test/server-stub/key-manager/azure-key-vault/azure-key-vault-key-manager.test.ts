import test from 'ava';
import { createAzureKeyVaultKeyManager } from '../../../../server-stub/src/key-manager/azure-key-vault/azure-key-vault-key-manager.js';
import { keyManagerContract } from '../../../contract/key-manager.js';
import { FakeKeyVault } from '../../../fakes/fake-key-vault.js';

const signal = new AbortController().signal;
const owner = { trustDomainId: 'td-1', deploymentId: 'tdd-1' };

function managerOf(api: FakeKeyVault, of = owner) {
  return createAzureKeyVaultKeyManager({ api, owner: of, keyTags: { team: 'platform' } });
}

keyManagerContract(test, 'azureKeyVault', ['EC-P256', 'EC-P384', 'RSA-2048'], () => {
  const api = new FakeKeyVault();
  return Promise.resolve({ manager: managerOf(api), restarted: () => Promise.resolve(managerOf(api)) });
});

test('a key is named after deployment and keyset and carries the tags', async (t) => {
  const api = new FakeKeyVault();
  await managerOf(api).createKey('ks_aaaaaaaaaa', 'EC-P256', signal);
  const [[name, key] = []] = [...api.keys];
  t.is(name, 'spirl-tdd-1-ks-aaaaaaaaaa');
  t.deepEqual(key?.tags, {
    'defakto-trust-domain-id': 'td-1',
    'defakto-deployment-id': 'tdd-1',
    'defakto-keyset-id': 'ks_aaaaaaaaaa',
    team: 'platform',
  });
});

test('of a shared vault only the keys of this deployment are read', async (t) => {
  const api = new FakeKeyVault();
  await managerOf(api, { ...owner, deploymentId: 'tdd-2' }).createKey('ks_bbbbbbbbbb', 'EC-P256', signal);
  await api.createKey({ name: 'payments', kind: { curve: 'P-256' }, tags: {} }, signal);
  await managerOf(api).createKey('ks_aaaaaaaaaa', 'EC-P256', signal);
  api.calls.length = 0;
  t.deepEqual(
    (await managerOf(api).listKeys(signal)).map(({ id }) => id),
    ['ks_aaaaaaaaaa'],
  );
  t.deepEqual(api.calls, ['listKeys', 'key']);
});

test('a newer version of a key is another key', async (t) => {
  const api = new FakeKeyVault();
  const key = await managerOf(api).createKey('ks_aaaaaaaaaa', 'EC-P256', signal);
  await api.createKey({ name: 'spirl-tdd-1-ks-aaaaaaaaaa', kind: { curve: 'P-256' }, tags: {} }, signal);
  t.is(await managerOf(api).findKey('ks_aaaaaaaaaa', key.reference ?? '', signal), undefined);
});
