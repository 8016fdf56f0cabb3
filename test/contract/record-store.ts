import type { TestFn } from 'ava';
import type { RecordStore } from '../../server-stub/src/domain/record-store.js';

/** What every record store does. `open` gives an empty one. */
export function recordStoreContract(test: TestFn, name: string, open: () => Promise<RecordStore>): void {
  test(`${name}: a record is read back as it was written, with its version`, async (t) => {
    const store = await open();
    t.is(await store.read('ring'), undefined);
    const value = { text: 'ä\n"', list: [1, null, true], nested: { deep: {} } };
    const version = await store.write('ring', value, undefined);
    t.deepEqual(await store.read('ring'), { value, version });
  });

  test(`${name}: only who names the present version writes or removes`, async (t) => {
    const store = await open();
    const first = await store.write('ring', 1, undefined);
    await t.throwsAsync(store.write('ring', 2, undefined), { code: 'VERSION_MISMATCH' });
    const second = await store.write('ring', 2, first);
    await t.throwsAsync(store.write('ring', 3, first), { code: 'VERSION_MISMATCH' });
    await t.throwsAsync(store.remove('ring', first), { code: 'VERSION_MISMATCH' });
    t.is((await store.read('ring'))?.value, 2);
    await store.remove('ring', second);
    t.is(await store.read('ring'), undefined);
    await t.throwsAsync(store.write('ring', 4, second), { code: 'VERSION_MISMATCH' });
    t.not(await store.write('ring', 1, undefined), first);
  });

  test(`${name}: of writers at the same moment one wins`, async (t) => {
    const store = await open();
    const version = await store.write('operation', 'nobody', undefined);
    const results = await Promise.allSettled(['a', 'b', 'c', 'd'].map((who) => store.write('operation', who, version)));
    t.is(results.filter(({ status }) => status === 'fulfilled').length, 1);
  });

  test(`${name}: names are listed by prefix, sorted, whatever characters they hold`, async (t) => {
    const store = await open();
    const names = ['keysets/ks_b', 'keysets/ks_a', 'ring', 'config/cluster/c-1/A.b', 'agents/..', 'agents/ü%2F~'];
    for (const record of names) await store.write(record, record, undefined);
    t.deepEqual(await store.list(''), [...names].sort());
    t.deepEqual(await store.list('keysets/'), ['keysets/ks_a', 'keysets/ks_b']);
    for (const record of names) t.is((await store.read(record))?.value, record);
  });
}
