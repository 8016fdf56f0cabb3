import type { TestFn } from 'ava';
import type { Sealer } from '../../server-stub/src/domain/record-store.js';

/** What every sealer does. */
export function sealerContract(test: TestFn, name: string, open: () => Promise<Sealer>): void {
  const signal = new AbortController().signal;
  const context = { record: 'keysets/ks_a', keysetId: 'ks_a' };
  const secret = Buffer.from('a private key');

  test(`${name}: what was sealed is opened in the same context, also after JSON`, async (t) => {
    const sealer = await open();
    const sealed = await sealer.seal(secret, context, signal);
    const json = JSON.stringify(sealed);
    t.false(json.includes(secret.toString('base64').slice(0, 10)));
    t.deepEqual(
      await sealer.open(JSON.parse(json) as typeof sealed, { keysetId: 'ks_a', record: 'keysets/ks_a' }, signal),
      secret,
    );
  });

  test(`${name}: each write has a data key and nonce of its own`, async (t) => {
    const sealer = await open();
    const [a, b] = [await sealer.seal(secret, context, signal), await sealer.seal(secret, context, signal)];
    t.not(a.wrappedDek, b.wrappedDek);
    t.not(a.nonce, b.nonce);
    t.not(a.ciphertext, b.ciphertext);
  });

  test(`${name}: another context, changed bytes and missing parts are refused`, async (t) => {
    const sealer = await open();
    const sealed = await sealer.seal(secret, context, signal);
    const flip = (text: string): string => (text.startsWith('A') ? 'B' : 'A') + text.slice(1);
    const corrupt = { code: 'STORE_CORRUPT' };
    await t.throwsAsync(sealer.open(sealed, { ...context, keysetId: 'ks_b' }, signal), corrupt);
    await t.throwsAsync(sealer.open(sealed, {}, signal), corrupt);
    for (const part of ['ciphertext', 'nonce', 'wrappedDek'] as const) {
      await t.throwsAsync(sealer.open({ ...sealed, [part]: flip(sealed[part]) }, context, signal), corrupt, part);
      await t.throwsAsync(sealer.open({ ...sealed, [part]: '' }, context, signal), corrupt, part);
    }
    await t.throwsAsync(sealer.open({ ...sealed, format: 2 as 1 }, context, signal), {
      ...corrupt,
      message: /version 2/,
    });
    await t.throwsAsync(sealer.open({} as typeof sealed, context, signal), corrupt);
  });

  test(`${name}: what another provider or another key sealed is refused with both names`, async (t) => {
    const sealer = await open();
    const sealed = await sealer.seal(secret, context, signal);
    const foreign = { ...sealed, wrapper: 'awsKMS', kek: 'arn:aws:kms:key' };
    const error = await t.throwsAsync(sealer.open(foreign, context, signal), { code: 'INVALID_CONFIG' });
    for (const word of ['awsKMS', 'arn:aws:kms:key', sealed.wrapper, sealed.kek])
      t.true(error.message.includes(word), word);
  });
}
