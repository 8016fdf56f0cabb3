import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import test from 'ava';
import { DeclaredFiles } from '../../src/runtime/declared-files.js';

const home = mkdtempSync(join(tmpdir(), 'spirl-declared-'));
test.after.always(() => rmSync(home, { recursive: true, force: true }));
const secrets = join(home, 'secrets');
mkdirSync(join(secrets, '..data-1'), { recursive: true });
writeFileSync(join(secrets, '..data-1', 'token'), 'inside');
symlinkSync('..data-1', join(secrets, '..data'));
symlinkSync('..data/token', join(secrets, 'token'));
writeFileSync(join(home, 'outside'), 'outside');
symlinkSync('../outside', join(secrets, 'leak'));
symlinkSync('nowhere', join(secrets, 'dangling'));
writeFileSync(join(secrets, 'big'), Buffer.alloc(1024 * 1024 + 1));
execFileSync('mkfifo', [join(secrets, 'pipe')]);
chmodSync(secrets, 0o755);

const files = new DeclaredFiles([secrets, '/no/such/directory']);

test('a file below a declared directory is read, through links that stay there', async (t) => {
  t.is(await files.read(join(secrets, 'token')), 'inside');
});

const refused: [string, string, RegExp][] = [
  ['a file elsewhere', join(home, 'outside'), /below a directory .*secretDirectories; declared: /],
  ['a directory with the same beginning', `${secrets}-more/token`, /secretDirectories/],
  ['the directory itself', secrets, /secretDirectories/],
  ['a way up', `${secrets}/../outside`, /without \.\./],
  ['a relative path', 'secrets/token', /absolute/],
  ['a link that leads out', join(secrets, 'leak'), /leads out of the declared directories/],
  ['a link to nothing', join(secrets, 'dangling'), /does not exist/],
  ['nothing', join(secrets, 'nothing'), /does not exist/],
  ['a directory', join(secrets, '..data-1'), /no regular file/],
  ['a pipe that nobody writes to', join(secrets, 'pipe'), /no regular file/],
  ['a large file', join(secrets, 'big'), /more than 1048576 bytes/],
];
for (const [name, path, says] of refused) {
  test(`refused: ${name}`, async (t) => {
    const error = await t.throwsAsync(files.read(path), { code: 'INVALID_CONFIG' });
    t.regex(error.message, says);
    t.false(error.message.includes('inside'));
  });
}

test('where nothing is declared nothing may be named', async (t) => {
  const error = await t.throwsAsync(new DeclaredFiles([]).read('/etc/hostname'), { code: 'INVALID_CONFIG' });
  t.regex(error.message, /none is declared/);
});
