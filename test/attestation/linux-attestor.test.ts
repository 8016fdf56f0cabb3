import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { createAccountNames, parseAccountFile } from '../../src/attestation/account-files.js';
import { createAttestationSection } from '../../src/attestation/attestation-section.js';
import { createLinuxAttestor, type AccountNames } from '../../src/attestation/linux-attestor.js';
import type { PeerProcess } from '../../src/domain/peer-process.js';
import { SpirlError } from '../../src/runtime/errors.js';
import { silentLogger } from '../../src/runtime/logger.js';
import { RecordingLogger } from '../fakes/recording-logger.js';
import { fakePeer } from './fake-peer.js';

const SIGNAL = new AbortController().signal;
const accounts: AccountNames = {
  users: () => new Map([[0, 'root']]),
  groups: () =>
    new Map([
      [0, 'root'],
      [27, 'sudo'],
    ]),
};

function attest(peer: PeerProcess, discoverWorkloadPath: boolean, logger = silentLogger) {
  const section = (): { enabled: boolean; discoverWorkloadPath: boolean } => ({ enabled: true, discoverWorkloadPath });
  return createLinuxAttestor(section, accounts, logger).attest(peer, SIGNAL);
}

test('user, group and supplementary groups come from the kernel, names from the account files', async (t) => {
  t.deepEqual(await attest(fakePeer(), false), {
    'linux.user.id': ['0'],
    'linux.user.name': ['root'],
    'linux.group.id': ['0'],
    'linux.group.name': ['root'],
    'linux.supp_group.id': ['4', '27'],
    'linux.supp_group.name': ['sudo'],
  });
});

test('an account without a name has no name', async (t) => {
  const attributes = await attest(fakePeer({ uid: 4711, gid: 4711 }), false);
  t.deepEqual(attributes['linux.user.id'], ['4711']);
  t.deepEqual(attributes['linux.user.name'], []);
});

test('a process without supplementary groups has none', async (t) => {
  const attributes = await attest(fakePeer({ groups: [] }), false);
  t.deepEqual(attributes['linux.supp_group.id'], []);
});

test('callers of one kind get one object, until the account files say otherwise', async (t) => {
  let users = new Map([[0, 'root']]);
  const groups = new Map<number, string>();
  const section = () => ({ enabled: true, discoverWorkloadPath: true });
  const attestor = createLinuxAttestor(section, { users: () => users, groups: () => groups }, silentLogger);
  const first = await attestor.attest(fakePeer(), SIGNAL);
  t.is(await attestor.attest(fakePeer({ pid: 43 }), SIGNAL), first);
  const others = [{ uid: 1 }, { gid: 1 }, { groups: [4] }, { groups: [42, 7] }, { readLink: () => '/bin/false' }];
  for (const other of others) t.notDeepEqual(await attestor.attest(fakePeer(other), SIGNAL), first);
  users = new Map([[0, 'admin']]);
  t.deepEqual((await attestor.attest(fakePeer(), SIGNAL))['linux.user.name'], ['admin']);
});

const paths: readonly { name: string; readLink: () => string; want: readonly string[] }[] = [
  { name: 'is told when asked for', readLink: () => '/usr/bin/sh', want: ['/usr/bin/sh'] },
  { name: 'of a deleted file is not told', readLink: () => '/usr/bin/sh (deleted)', want: [] },
  { name: 'that is no path is not told', readLink: () => 'memfd:x', want: [] },
  {
    name: 'that may not be read is absent, the rest stays',
    readLink: () => {
      throw new SpirlError('NOT_AUTHORIZED', 'not readable');
    },
    want: [],
  },
];
for (const { name, readLink, want } of paths) {
  test(`the binary's path ${name}`, async (t) => {
    const attributes = await attest(fakePeer({ readLink }), true);
    t.deepEqual(attributes['linux.binary.path'], want);
    t.deepEqual(attributes['linux.user.name'], ['root']);
  });
}

test('an account file is read as the C library reads it', (t) => {
  const { names, refused } = parseAccountFile(
    Buffer.from(
      'root:x:0:0:root:/:/bin/sh\ntoor:x:0:0::/:\n+nis:x:7:\n# c\nbad line\nx:y:z\nm\u00fcller:x:8:\nlast:x:9:9',
    ),
  );
  t.deepEqual(
    [...names],
    [
      [0, 'root'],
      [8, 'm\u00fcller'],
      [9, 'last'],
    ],
  );
  t.is(refused, 0);
});

test('a name that is not UTF-8, has control characters or is empty is absent and spoils no other', (t) => {
  const { names, refused } = parseAccountFile(
    Buffer.concat([
      Buffer.from('a:x:1:\n'),
      Buffer.from([0xff, 0xfe]),
      Buffer.from(':x:2:\nb\tc:x:3:\n:x:4:\nd:x:5:\n'),
    ]),
  );
  t.deepEqual([...names.keys()], [1, 5]);
  t.is(refused, 3);
});

test('account files are read again when they change, and complained about once', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'accounts-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const [passwd, group, logger] = [join(directory, 'passwd'), join(directory, 'group'), new RecordingLogger()];
  const names = createAccountNames({ passwd, group }, logger);
  t.is(names.users().get(1), undefined);
  t.is(names.users().get(1), undefined);
  t.is(logger.lines.length, 1);
  writeFileSync(passwd, 'one:x:1:1::/:\n\u0007:x:2:2::/:\n');
  t.is(names.users().get(1), 'one');
  t.is(names.users(), names.users());
  t.is(logger.lines.length, 2);
  writeFileSync(passwd, 'first:x:1:1::/:\n');
  t.is(names.users().get(1), 'first');
  t.is(names.groups().size, 0);
});

test('the section is read live, and what it has wrong is logged once', (t) => {
  const logger = new RecordingLogger();
  let spec: unknown = null;
  const section = createAttestationSection(() => spec, logger);
  t.deepEqual(section(), { linux: { enabled: true, discoverWorkloadPath: false } });
  spec = { linux: { discoverWorkloadPath: true }, docker: { enabled: true } };
  t.true(section().linux.discoverWorkloadPath);
  t.true(section().linux.discoverWorkloadPath);
  t.deepEqual(
    logger.lines.map(({ fields }) => fields['reason']),
    ['docker attestation is not available in this version'],
  );
});
