import { chmod, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { createSealer } from '../../../server-stub/src/key-wrapping/envelope.js';
import { openLocalWrapper } from '../../../server-stub/src/key-wrapping/local-wrapper.js';
import { openWrapper } from '../../../server-stub/src/key-wrapping/providers.js';
import type { Wrapper } from '../../../server-stub/src/key-wrapping/wrapper.js';
import { sealerContract } from '../../contract/sealer.js';

const signal = new AbortController().signal;
const directories: string[] = [];
test.after.always(() => Promise.all(directories.map((path) => rm(path, { recursive: true }))));
async function newKekFile(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'kek-'));
  directories.push(path);
  return join(path, 'kek');
}
const firstStart = async () => openLocalWrapper({ kekFile: await newKekFile(), recordsExist: false });

sealerContract(test, 'local', async () => createSealer(await firstStart(), 'tdd-1'));

test('the KEK file is made at first start, for the server alone, and used again', async (t) => {
  const kekFile = await newKekFile();
  const first = await openWrapper({ provider: 'local', kekFile, recordsExist: false });
  t.is((await stat(kekFile)).mode & 0o777, 0o600);
  t.deepEqual(await readdir(join(kekFile, '..')), ['kek']);
  const second = await openWrapper({ provider: 'local', kekFile, recordsExist: true });
  t.is(second.kek, first.kek);
  t.false(first.kek.includes((await readFile(kekFile, 'utf8')).trim()));
});

test('a missing KEK file is refused when there are records, and none is made', async (t) => {
  const kekFile = await newKekFile();
  await t.throwsAsync(openLocalWrapper({ kekFile, recordsExist: true }), {
    code: 'INVALID_CONFIG',
    message: /is missing/,
  });
  await t.throwsAsync(stat(kekFile));
});

test('a KEK file that others may read, or without a key, is refused', async (t) => {
  const kekFile = await newKekFile();
  await openLocalWrapper({ kekFile, recordsExist: false });
  await chmod(kekFile, 0o640);
  await t.throwsAsync(openLocalWrapper({ kekFile, recordsExist: true }), {
    code: 'INVALID_CONFIG',
    message: /mode 0640/,
  });
  await chmod(kekFile, 0o600);
  await writeFile(kekFile, 'c2hvcnQ=\n');
  await t.throwsAsync(openLocalWrapper({ kekFile, recordsExist: true }), {
    code: 'INVALID_CONFIG',
    message: /32 bytes/,
  });
});

test('another KEK is refused with both ids', async (t) => {
  const [first, second] = [await firstStart(), await firstStart()];
  const sealed = await createSealer(first, 'tdd-1').seal(Buffer.from('x'), {}, signal);
  const error = await t.throwsAsync(createSealer(second, 'tdd-1').open(sealed, {}, signal), { code: 'INVALID_CONFIG' });
  t.true(error.message.includes(first.kek) && error.message.includes(second.kek));
});

test('a record of another deployment under the same key is refused', async (t) => {
  const wrapper = await firstStart();
  const sealed = await createSealer(wrapper, 'tdd-1').seal(Buffer.from('x'), {}, signal);
  await t.throwsAsync(createSealer(wrapper, 'tdd-2').open(sealed, {}, signal), { code: 'STORE_CORRUPT' });
});

test('a wrapper sees 32 bytes and nothing else, and they are zeroed afterwards', async (t) => {
  const seen: Uint8Array[] = [];
  const wrapper: Wrapper = {
    name: 'recording',
    kek: 'kek-1',
    wrap: (dek) => {
      seen.push(dek);
      return Promise.resolve({ bytes: Buffer.from(dek) });
    },
    unwrap: (wrapped) => {
      const dek = Buffer.from(wrapped.bytes);
      seen.push(dek);
      return Promise.resolve(dek);
    },
  };
  const sealer = createSealer(wrapper, 'tdd-1');
  const sealed = await sealer.seal(Buffer.from('a long private key, longer than thirty-two bytes'), {}, signal);
  await sealer.open(sealed, {}, signal);
  t.deepEqual(
    seen.map((dek) => [dek.length, dek.every((byte) => byte === 0)]),
    [
      [32, true],
      [32, true],
    ],
  );
});
