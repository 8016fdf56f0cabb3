import test from 'ava';
import { createSealer } from '../../../server-stub/src/key-wrapping/envelope.js';
import { openWrapper } from '../../../server-stub/src/key-wrapping/providers.js';
import { tryWrapping } from '../../../server-stub/src/key-wrapping/trial.js';
import { SpirlError } from '../../../src/runtime/errors.js';
import { sealerContract } from '../../contract/sealer.js';
import { FakeClock } from '../../fakes/fake-clock.js';
import { FakeKms } from './fake-key-services.js';

const signal = new AbortController().signal;
const keyArn = 'arn:aws:kms:us-east-1:123456789012:key/example-key-id';
async function open() {
  const [api, clock] = [new FakeKms(keyArn), new FakeClock()];
  return { api, clock, wrapper: await openWrapper({ provider: 'awsKMS', keyArn, api, clock }) };
}

sealerContract(test, 'awsKMS', async () => createSealer((await open()).wrapper, 'tdd-1'));

test('AWS KMS sees data keys of 32 bytes, bound to deployment and keyset, and no more than two calls', async (t) => {
  const { api, wrapper } = await open();
  const sealer = createSealer(wrapper, 'tdd-1');
  const keyset = { record: 'keysets/ks_a', keysetId: 'ks_a', keyType: 'EC-P256' };
  const sealed = await sealer.seal(Buffer.alloc(1000, 'x'), keyset, signal);
  await sealer.open(sealed, keyset, signal);
  await sealer.seal(Buffer.from('x'), { record: 'session-ca' }, signal);
  t.deepEqual(
    api.calls.map(({ action, context }) => [action, context]),
    [
      ['Encrypt', { deploymentId: 'tdd-1', keysetId: 'ks_a' }],
      ['Decrypt', { deploymentId: 'tdd-1', keysetId: 'ks_a' }],
      ['Encrypt', { deploymentId: 'tdd-1', record: 'session-ca' }],
    ],
  );
  t.deepEqual([api.calls[0]?.bytes, api.calls[2]?.bytes], [32, 32]);
  t.is(sealed.kek, keyArn);
});

test('the trial at the start wraps and unwraps, and passes a refusal on as it is', async (t) => {
  const { api, wrapper } = await open();
  await tryWrapping(wrapper, 'tdd-1', signal);
  t.deepEqual(
    api.calls.map(({ action }) => action),
    ['Encrypt', 'Decrypt'],
  );
  api.failure = new SpirlError('KEY_SERVICE_REFUSED', 'AWS KMS denied kms:Encrypt');
  await t.throwsAsync(tryWrapping(wrapper, 'tdd-1', signal), { is: api.failure });
});

test('an answer made with another key than the configured one is refused, both are named', async (t) => {
  const { api, wrapper } = await open();
  api.keyArn = keyArn.replace('example', 'foreign');
  const error = await t.throwsAsync(tryWrapping(wrapper, 'tdd-1', signal), { code: 'KEY_SERVICE_REFUSED' });
  t.true(error.message.includes(keyArn) && error.message.includes(api.keyArn));
});

test('a service that never answers is away after ten seconds, named with action and key', async (t) => {
  const { api, clock, wrapper } = await open();
  api.encrypt = () => new Promise(() => {});
  const late = t.throwsAsync(tryWrapping(wrapper, 'tdd-1', signal), {
    code: 'KEY_SERVICE_UNAVAILABLE',
    message: `AWS KMS, kms:Encrypt on key ${keyArn}: no answer within 10 s`,
  });
  await clock.advance(10_000);
  await late;
});

test('a service that gives back something else than it was given is found at the start', async (t) => {
  const { api, wrapper } = await open();
  api.decrypt = () => Promise.resolve({ plaintext: Buffer.alloc(32), keyArn });
  await t.throwsAsync(tryWrapping(wrapper, 'tdd-1', signal), { code: 'KEY_SERVICE_REFUSED', message: /does not give/ });
});

test('rewrapping seals anew, and keeps the old record when the new one does not open', async (t) => {
  const { api, wrapper } = await open();
  const sealer = createSealer(wrapper, 'tdd-1');
  const sealed = await sealer.seal(Buffer.from('secret'), { record: 'ring' }, signal);
  const resealed = await sealer.reseal(sealed, { record: 'ring' }, signal);
  t.truthy(resealed);
  t.not(resealed?.wrappedDek, sealed.wrappedDek);
  if (resealed) t.is((await sealer.open(resealed, { record: 'ring' }, signal)).toString(), 'secret');
  api.encrypt = () => Promise.resolve({ ciphertext: Buffer.from('garbage'), keyArn });
  await t.throwsAsync(sealer.reseal(sealed, { record: 'ring' }, signal), { code: 'STORE_CORRUPT' });
});
