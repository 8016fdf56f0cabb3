import { randomBytes } from 'node:crypto';
import test from 'ava';
import { canCheck, type KeyManager } from '../../../server-stub/src/domain/key-manager.js';
import { createSealedKeyManager } from '../../../server-stub/src/key-manager/sealed-key-manager.js';
import { createSealer } from '../../../server-stub/src/key-wrapping/envelope.js';
import { openFileStore } from '../../../server-stub/src/store/file/file-store.js';
import { keyManagerContract } from '../../contract/key-manager.js';
import { MemoryFileSystem } from '../../fakes/memory-file-system.js';

const signal = new AbortController().signal;
const unlocked = () => Promise.resolve({ release: () => Promise.resolve() });
const kek = randomBytes(32);
const xor = (bytes: Uint8Array) => Promise.resolve(Buffer.from(bytes.map((byte, i) => byte ^ (kek[i] ?? 0))));
const wrap = async (dek: Uint8Array) => ({ bytes: await xor(dek) });
const unwrap = ({ bytes }: { bytes: Uint8Array }) => xor(bytes);
const sealer = createSealer({ name: 'fake', kek: 'kek-1', wrap, unwrap }, 'tdd-1');

async function open(files = new MemoryFileSystem()) {
  const store = await openFileStore('/state', files, unlocked);
  const restarted = () => Promise.resolve(createSealedKeyManager({ store, sealer }));
  return { files, store, restarted, manager: await restarted() };
}

keyManagerContract(test, 'sealed', ['EC-P256', 'EC-P384', 'RSA-2048'], () => open());

test('the record names its custody and holds nothing readable of the key', async (t) => {
  const { store, manager } = await open();
  await manager.createKey('ks_aaaaaaaaaa', 'EC-P256', signal);
  const record = (await store.read('keysets/ks_aaaaaaaaaa'))?.value as Record<string, unknown>;
  t.deepEqual(Object.keys(record), ['format', 'custody', 'type', 'privateKey']);
  t.is(record['custody'], 'sealed');
  t.deepEqual(Object.keys(record['privateKey'] as object).sort(), [
    'ciphertext',
    'format',
    'kek',
    'nonce',
    'wrappedDek',
    'wrapper',
  ]);
});

const A = 'keysets/ks_aaaaaaaaaa';
const B = 'keysets/ks_bbbbbbbbbb';
const edits: { name: string; edit: (a: object, b: object) => unknown; code: string }[] = [
  { name: "another keyset's record in its place", edit: (_, b) => b, code: 'STORE_CORRUPT' },
  { name: 'another type', edit: (a) => ({ ...a, type: 'EC-P384' }), code: 'STORE_CORRUPT' },
  { name: 'an unknown type', edit: (a) => ({ ...a, type: 'DSA' }), code: 'STORE_CORRUPT' },
  { name: 'an unknown format', edit: (a) => ({ ...a, format: 2 }), code: 'STORE_CORRUPT' },
  { name: 'nothing', edit: () => null, code: 'STORE_CORRUPT' },
  { name: 'another custody', edit: (a) => ({ ...a, custody: 'awsKMS' }), code: 'INVALID_CONFIG' },
];
for (const { name, edit, code } of edits) {
  test(`a key record edited by hand is refused by its name: ${name}`, async (t) => {
    const { store, manager, restarted } = await open();
    await manager.createKey('ks_aaaaaaaaaa', 'EC-P256', signal);
    await manager.createKey('ks_bbbbbbbbbb', 'EC-P256', signal);
    await check(manager);
    const [a, b] = [await store.read(A), await store.read(B)];
    await store.write(A, edit(a?.value as object, b?.value as object), a?.version);
    await t.throwsAsync(check(manager), { code: 'STORE_CORRUPT', message: /keysets\/ks_aaaaaaaaaa/ });
    await t.throwsAsync((await restarted()).listKeys(signal), { code, message: /keysets\/ks_aaaaaaaaaa/ });
  });
}

function check(manager: KeyManager): Promise<void> {
  return canCheck(manager)
    ? manager.checkKeys(['ks_aaaaaaaaaa', 'ks_bbbbbbbbbb'])
    : Promise.reject(new Error('cannot check'));
}
