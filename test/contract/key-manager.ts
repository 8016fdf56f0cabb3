import { createPublicKey, verify } from 'node:crypto';
import type { TestFn } from 'ava';
import { canFind, canRelease, type KeyManager } from '../../server-stub/src/domain/key-manager.js';
import type { KeyType, SigningKey } from '../../server-stub/src/domain/signing-key.js';

/** Gives a key manager without keys, and a way to open it again as after a restart. */
type Open = () => Promise<{ manager: KeyManager; restarted: () => Promise<KeyManager> }>;

const signal = new AbortController().signal;

/** Only that keys sign, for a service of which nothing else is to be learned. */
export function signingContract(test: TestFn, name: string, types: readonly KeyType[], open: Open): void {
  for (const type of types) {
    test(`${name}: a ${type} key signs, verifies with its public key, and is there after a restart`, async (t) => {
      const { manager, restarted } = await open();
      const made = await manager.createKey('ks_aaaaaaaaaa', type, signal);
      const [found] = await (await restarted()).listKeys(signal);
      for (const key of [made, found]) {
        if (key === undefined) return t.fail();
        t.is(key.id, 'ks_aaaaaaaaaa');
        t.is(key.type, type);
        t.deepEqual(Buffer.from(key.publicKeySpki), Buffer.from(made.publicKeySpki));
        t.true(verifies(key, await key.sign(Buffer.from('data'), signal)));
        if (key.signSync) t.true(verifies(key, key.signSync(Buffer.from('data'))));
      }
      t.pass();
    });
  }
}

/** What every key manager does. */
export function keyManagerContract(test: TestFn, name: string, types: readonly KeyType[], open: Open): void {
  signingContract(test, name, types, open);

  test(`${name}: an id has one key`, async (t) => {
    const { manager } = await open();
    await manager.createKey('ks_aaaaaaaaaa', 'EC-P256', signal);
    await t.throwsAsync(manager.createKey('ks_aaaaaaaaaa', 'EC-P256', signal), { code: 'ALREADY_EXISTS' });
    t.is((await manager.listKeys(signal)).length, 1);
  });

  test(`${name}: a released key is gone; releasing it again is no error`, async (t) => {
    const { manager } = await open();
    if (!canRelease(manager)) return t.pass();
    await manager.createKey('ks_aaaaaaaaaa', 'EC-P256', signal);
    await manager.createKey('ks_bbbbbbbbbb', 'EC-P256', signal);
    await manager.releaseKey('ks_aaaaaaaaaa', signal);
    await manager.releaseKey('ks_aaaaaaaaaa', signal);
    t.deepEqual(
      (await manager.listKeys(signal)).map(({ id }) => id),
      ['ks_bbbbbbbbbb'],
    );
  });

  test(`${name}: a key is found by its reference, and by no other`, async (t) => {
    const { manager, restarted } = await open();
    if (!canFind(manager)) return t.pass();
    const made = await manager.createKey('ks_aaaaaaaaaa', 'EC-P256', signal);
    const other = await manager.createKey('ks_bbbbbbbbbb', 'EC-P256', signal);
    const again = await restarted();
    if (made.reference === undefined || other.reference === undefined || !canFind(again)) return t.fail();
    const found = await again.findKey('ks_aaaaaaaaaa', made.reference, signal);
    t.deepEqual(found && Buffer.from(found.publicKeySpki), Buffer.from(made.publicKeySpki));
    const absent = made.reference.replace(/.{4}$/, (end) => (end === '0000' ? '1111' : '0000'));
    t.is(await again.findKey('ks_aaaaaaaaaa', absent, signal), undefined);
    if (canRelease(again)) await again.releaseKey('ks_aaaaaaaaaa', signal, made.reference);
    t.false((await again.listKeys(signal)).some(({ id }) => id === 'ks_aaaaaaaaaa'));
  });

  test(`${name}: an aborted request makes no key`, async (t) => {
    const { manager } = await open();
    await t.throwsAsync(manager.createKey('ks_aaaaaaaaaa', 'EC-P256', AbortSignal.abort()), { any: true });
    t.deepEqual(await manager.listKeys(signal), []);
  });
}

function verifies(key: SigningKey, signature: Uint8Array): boolean {
  const publicKey = createPublicKey({ key: Buffer.from(key.publicKeySpki), format: 'der', type: 'spki' });
  const hash = key.type === 'EC-P384' ? 'sha384' : 'sha256';
  return verify(hash, Buffer.from('data'), { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature);
}
