import test from 'ava';
import { checkSealedBefore } from '../../../server-stub/src/sealed-before.js';
import { MemoryRecordStore } from '../../fakes/memory-record-store.js';

const sealed = (wrapper: string) => ({ format: 1, wrapper, kek: `${wrapper}-key`, wrappedDek: 'AA==' });

test('a store with nothing but the name of its deployment is bound to no key', async (t) => {
  const store = new MemoryRecordStore();
  t.false(await checkSealedBefore(store, 'awsKMS'));
  await store.write('deployment', { format: 1 }, undefined);
  t.false(await checkSealedBefore(store, 'awsKMS'));
});

for (const [record, value] of [
  ['session-ca', { format: 1, sealed: sealed('awsKMS') }],
  ['ring', { format: 1, macKey: sealed('awsKMS'), body: {} }],
  ['keysets/ks_a', { format: 1, privateKey: sealed('awsKMS') }],
] as const) {
  test(`what is sealed in ${record} binds the store to its provider; another one is refused, both are named`, async (t) => {
    const store = new MemoryRecordStore();
    await store.write('clusters/c-1', { format: 1, keys: [null] }, undefined);
    await store.write(record, value, undefined);
    t.true(await checkSealedBefore(store, 'awsKMS'));
    t.true(await checkSealedBefore(store, 'awsKMS', 'awsKMS-key'));
    await t.throwsAsync(checkSealedBefore(store, 'awsKMS', 'another'), {
      code: 'INVALID_CONFIG',
      message: /with key awsKMS-key, but "awsKMS" with key another is configured; switching/,
    });
    await t.throwsAsync(checkSealedBefore(store, 'local'), {
      code: 'INVALID_CONFIG',
      message:
        `record "${record}" is sealed by key wrapping provider "awsKMS" with key awsKMS-key, but "local" is configured; ` +
        'switching providers or keys of an existing deployment is not supported',
    });
  });
}
