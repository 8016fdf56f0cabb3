import {
  chmodSync,
  closeSync,
  fstatSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { stampByStat } from '../../bench/micro/tricks/plain-serving.js';
import { fileStamp, ownerOf } from '../../src/runtime/file-facts.js';

test('the owner of an open file, and of an open /proc directory, is who fstat says', (t) => {
  for (const path of ['/etc/passwd', `/proc/${process.pid}`, '/proc/1']) {
    const fd = openSync(path, 'r');
    const { uid, gid } = fstatSync(fd);
    t.deepEqual(ownerOf(fd), { uid, gid }, path);
    closeSync(fd);
  }
  t.throws(() => ownerOf(9_999), { code: 'EBADF' });
});

test('a stamp changes with the content, the times and the file behind the name, and only then', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'stamp-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const [file, other] = [join(directory, 'a'), join(directory, 'b')];
  const stamps = [fileStamp(file)];
  t.is(stamps[0], 'ENOENT');
  const changes = [
    () => writeFileSync(file, 'one'),
    () => writeFileSync(file, 'longer'),
    () => utimesSync(file, 1, 1),
    () => {
      writeFileSync(other, 'longer');
      utimesSync(other, 1, 1);
      renameSync(other, file);
    },
    () => rmSync(file),
  ];
  for (const change of changes) {
    change();
    const stamp = fileStamp(file);
    t.is(fileStamp(file), stamp);
    t.not(stamp, stamps.at(-1));
    stamps.push(stamp);
  }
});

test('whatever happens to a file, its stamp changes exactly when that of stat does', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'stamp-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const [file, other] = [join(directory, 'a'), join(directory, 'b')];
  writeFileSync(file, '');
  const replace = (): void => {
    writeFileSync(other, 'x');
    renameSync(other, file);
  };
  const change = fc.oneof(
    fc.string({ maxLength: 3 }).map((text) => () => writeFileSync(file, text)),
    fc.integer({ min: 0, max: 2 }).map((seconds) => () => utimesSync(file, seconds, seconds)),
    fc.constantFrom(0o600, 0o644).map((mode) => () => chmodSync(file, mode)),
    fc.constantFrom(replace, () => {}),
  );
  const property = fc.property(fc.array(change, { maxLength: 10 }), (changes) => {
    for (const happen of changes) {
      const before = [fileStamp(file), stampByStat(file)];
      happen();
      const after = [fileStamp(file), stampByStat(file)];
      t.is(after[0] === before[0], after[1] === before[1]);
    }
  });
  t.notThrows(() => fc.assert(property));
});
