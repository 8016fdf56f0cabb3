import { chmod, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { openFileStore } from '../../../server-stub/src/store/file/file-store.js';
import { recordStoreContract } from '../../contract/record-store.js';
import { Crash, MemoryFileSystem, type CrashMode, type Remains } from '../../fakes/memory-file-system.js';

const unlocked = () => Promise.resolve({ release: () => Promise.resolve() });
const onMemory = (files = new MemoryFileSystem()) => openFileStore('/state', files, unlocked);

const directories: string[] = [];
test.after.always(() => Promise.all(directories.map((path) => rm(path, { recursive: true }))));
async function newDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'store-'));
  directories.push(path);
  return join(path, 'a', 'b');
}

recordStoreContract(test, 'file store', async () => openFileStore(await newDirectory()));
recordStoreContract(test, 'file store in memory', () => onMemory());

test('files are for the server alone', async (t) => {
  const directory = await newDirectory();
  const store = await openFileStore(directory);
  await store.write('keysets/ks_a', { secret: 'sealed' }, undefined);
  t.is((await stat(directory)).mode & 0o777, 0o700);
  t.deepEqual((await readdir(directory)).sort(), ['keysets.ks_a.json', 'lock']);
  for (const file of await readdir(directory)) t.is((await stat(join(directory, file))).mode & 0o777, 0o600, file);
});

test('a directory that others could enter is closed to them', async (t) => {
  const directory = await newDirectory();
  await (await openFileStore(directory)).close();
  await chmod(directory, 0o755);
  await (await openFileStore(directory)).close();
  t.is((await stat(directory)).mode & 0o777, 0o700);
});

test('a second opener is refused with the pid of the first; a lock left behind locks nothing', async (t) => {
  const directory = await newDirectory();
  const store = await openFileStore(directory);
  const error = await t.throwsAsync(openFileStore(directory), { code: 'STORE_FAILED' });
  t.true(error.message.endsWith(`is in use by process ${process.pid}`), error.message);
  await store.close();
  await writeFile(join(directory, 'lock'), '1\n');
  const second = await openFileStore(directory);
  t.is(await readFile(join(directory, 'lock'), 'utf8'), `${process.pid}\n`);
  await second.close();
});

const damages: { name: string; change: (text: string) => string; says: RegExp }[] = [
  { name: 'truncated', change: (text) => text.slice(0, -20), says: /truncated/ },
  { name: 'empty', change: () => '', says: /truncated/ },
  { name: 'another JSON value', change: () => 'null', says: /no record/ },
  { name: 'changed', change: (text) => text.replace('one', 'two'), says: /checksum/ },
  {
    name: 'of an unknown format',
    change: (text) => text.replace('"format": 1', '"format": 7'),
    says: /format version 7/,
  },
  { name: 'another record', change: (text) => text.replace('"ring"', '"operation"'), says: /another record/ },
];
for (const { name, change, says } of damages) {
  test(`a record that is ${name} is refused by its name, and not overwritten`, async (t) => {
    const files = new MemoryFileSystem();
    const store = await onMemory(files);
    const version = await store.write('ring', 'one', undefined);
    files.edit('/state/ring.json', change);
    const damaged = files.names.get('/state/ring.json')?.data;
    const error = await t.throwsAsync(store.read('ring'), { code: 'STORE_CORRUPT', message: says });
    t.true(error.message.includes('"ring"'));
    await t.throwsAsync(store.write('ring', 'new', version), { code: 'STORE_CORRUPT' });
    t.is(files.names.get('/state/ring.json')?.data, damaged);
  });
}

for (const code of ['ENOSPC', 'EROFS', 'EACCES', 'EIO']) {
  for (const call of ['createFile', 'syncFile', 'rename', 'syncDirectory']) {
    test(`${code} in ${call}: the write fails and the old state stays`, async (t) => {
      const files = new MemoryFileSystem();
      const store = await onMemory(files);
      const version = await store.write('ring', 'old', undefined);
      let failures = 0;
      files.failing = (at) => (at === call && failures++ === 0 ? code : undefined);
      await t.throwsAsync(store.write('ring', 'new', version), {
        code: 'STORE_FAILED',
        message: /"ring" could not be written/,
      });
      t.deepEqual(await store.read('ring'), { value: 'old', version });
      t.deepEqual([...files.names.keys()], ['/state/ring.json']);
      await store.write('ring', 'new', version);
    });
  }
}

test('a removal that cannot be made durable fails and the record stays', async (t) => {
  const files = new MemoryFileSystem();
  const store = await onMemory(files);
  const version = await store.write('operation', 'claim', undefined);
  let failures = 0;
  files.failing = (call) => (call === 'syncDirectory' && failures++ === 0 ? 'EIO' : undefined);
  await t.throwsAsync(store.remove('operation', version), { code: 'STORE_FAILED' });
  t.deepEqual(await store.read('operation'), { value: 'claim', version });
});

test('names that would not fit a file name are refused', async (t) => {
  const store = await onMemory();
  for (const name of ['', '/ring', 'a//b', 'x'.repeat(300)]) {
    await t.throwsAsync(store.write(name, 1, undefined), { code: 'INVALID_REQUEST' }, name);
  }
});

test('at whatever step the process dies, the record is the old one or the new one', async (t) => {
  const MODES: readonly CrashMode[] = ['before', 'after', 'torn'];
  const REMAINS: readonly Remains[] = ['killed', 'power cut', 'names only'];
  let seen = 0;
  for (const mode of MODES) {
    for (let at = 1, alive = false; !alive; at++) {
      for (const remains of REMAINS) {
        const files = new MemoryFileSystem();
        const store = await onMemory(files);
        const version = await store.write('ring', 'old', undefined);
        files.crash = { at: files.steps + at, mode };
        const outcome = await store.write('ring', 'new', version).catch((error: unknown) => error);
        alive = typeof outcome === 'string';
        if (!alive) t.true(outcome instanceof Crash);
        const next = files.after(remains);
        const value = (await (await onMemory(next)).read('ring'))?.value;
        t.true(
          alive ? value === 'new' : value === 'old' || value === 'new',
          `${mode} ${at} ${remains}: ${String(value)}`,
        );
        t.deepEqual([...next.names.keys()], ['/state/ring.json']);
        seen++;
      }
    }
  }
  t.true(seen >= 3 * 3 * 4);
});
