import test from 'ava';
import { createSealer } from '../../../server-stub/src/key-wrapping/envelope.js';
import type { HsmKey } from '../../../server-stub/src/key-wrapping/hsm-wrapper.js';
import { openWrapper } from '../../../server-stub/src/key-wrapping/providers.js';
import { tryWrapping } from '../../../server-stub/src/key-wrapping/trial.js';
import { sealerContract } from '../../contract/sealer.js';
import { FakeClock } from '../../fakes/fake-clock.js';
import { FakeHsm } from './fake-key-services.js';

const signal = new AbortController().signal;
const vaultUrl = 'https://my-managed-hsm.managedhsm.azure.net';
const context = { record: 'keysets/ks_a', keysetId: 'ks_a' };
async function open(api = new FakeHsm(), keyVersion?: string) {
  const clock = new FakeClock();
  const options = { vaultUrl, keyName: 'defakto-wrapping-key', keyVersion, api, clock };
  const wrapper = await openWrapper({ provider: 'azureManagedHSM', ...options });
  return { api, clock, wrapper, sealer: createSealer(wrapper, 'tdd-1') };
}

sealerContract(test, 'azureManagedHSM', async () => (await open()).sealer);

test('records survive a rotation of the key: each is opened by the version that wrapped it', async (t) => {
  const { api, sealer, wrapper } = await open();
  const old = await sealer.seal(Buffer.from('old'), context, signal);
  const newest = api.rotate();
  const recent = await sealer.seal(Buffer.from('new'), context, signal);
  t.not(old.kekVersion, newest);
  t.is(recent.kekVersion, newest);
  t.is(old.kek, recent.kek);
  t.is(old.kek, wrapper.kek);
  t.is((await sealer.open(old, context, signal)).toString(), 'old');
  t.is((await sealer.open(recent, context, signal)).toString(), 'new');
});

test('a pinned version wraps although there is a newer one', async (t) => {
  const { api } = await open();
  const pinned = api.rotate();
  api.rotate();
  const { sealer } = await open(api, pinned);
  t.is((await sealer.seal(Buffer.from('x'), context, signal)).kekVersion, pinned);
});

test('rewrapping changes what is under an older version, and nothing else', async (t) => {
  const { api, sealer } = await open();
  const old = await sealer.seal(Buffer.from('x'), context, signal);
  t.is(await sealer.reseal(old, context, signal), undefined);
  const newest = api.rotate();
  const resealed = await sealer.reseal(old, context, signal);
  t.is(resealed?.kekVersion, newest);
  if (resealed) t.is((await sealer.open(resealed, context, signal)).toString(), 'x');
});

test('a record without its version, or with another one, is refused', async (t) => {
  const { api, sealer } = await open();
  const { kekVersion, ...unversioned } = await sealer.seal(Buffer.from('x'), context, signal);
  t.truthy(kekVersion);
  await t.throwsAsync(sealer.open(unversioned, context, signal), { code: 'STORE_CORRUPT' });
  const other = { ...unversioned, kekVersion: api.rotate() };
  await t.throwsAsync(sealer.open(other, context, signal), { code: 'STORE_CORRUPT' });
  await t.throwsAsync(sealer.open({ ...other, kekVersion: 7 as unknown as string }, context, signal), {
    code: 'STORE_CORRUPT',
    message: /incomplete/,
  });
});

test('get, encrypt and decrypt are all that is asked, and opening asks for decrypt alone', async (t) => {
  const { api, sealer, wrapper } = await open();
  await tryWrapping(wrapper, 'tdd-1', signal);
  const sealed = await sealer.seal(Buffer.from('x'), context, signal);
  await sealer.open(sealed, context, signal);
  t.deepEqual(api.calls, ['get', 'encrypt', 'decrypt', 'get', 'encrypt', 'decrypt']);
});

const refused: readonly { readonly name: string; readonly shape: Partial<HsmKey>; readonly told: RegExp }[] = [
  { name: 'an EC key', shape: { type: 'EC-HSM' }, told: /is of type EC-HSM and cannot do A256GCM: an AES-256 key/ },
  { name: 'a key for wrapKey only', shape: { operations: ['wrapKey'] }, told: /does not allow encrypt and decrypt/ },
  {
    name: 'a key that cannot decrypt',
    shape: { operations: ['encrypt'] },
    told: /does not allow decrypt: it needs --ops/,
  },
  { name: 'a disabled key', shape: { enabled: false }, told: /is disabled: encrypt is not possible/ },
];
for (const { name, shape, told } of refused) {
  test(`${name} is refused at the start, by name, before anything is encrypted`, async (t) => {
    const { api, wrapper } = await open();
    api.shape = { ...api.shape, ...shape };
    const error = await t.throwsAsync(tryWrapping(wrapper, 'tdd-1', signal), {
      code: 'KEY_SERVICE_REFUSED',
      message: told,
    });
    t.true(error.message.includes(`Azure Managed HSM: key ${wrapper.kek}`));
    t.deepEqual(api.calls, ['get']);
  });
}
