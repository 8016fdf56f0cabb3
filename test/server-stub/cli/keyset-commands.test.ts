import test from 'ava';
import { SpirlError } from '../../../src/runtime/errors.js';
import { FakeClock, flush } from '../../fakes/fake-clock.js';
import { refusal, runCli, startAdminServer, type AdminServer } from './admin-server.js';

const where = ['--trust-domain', 'example.org', '--deployment-name', 'default'];
const keyset = (...args: readonly string[]) => ['trust-domain', 'deployment', 'keyset', ...args, ...where];

let server: AdminServer;
test.before(async () => {
  server = await startAdminServer();
});
test.after.always(() => server.stop());
test.beforeEach(() => {
  server.keysets.calls.length = 0;
  server.keysets.answer = () => Promise.resolve({ unchanged: false });
});

test.serial('list prints the table of the runbook, to the letter', async (t) => {
  const { code, out, err } = await server.spirlctl(...keyset('list'));
  t.deepEqual([code, err], [0, '']);
  t.is(
    out,
    `Deployment: default
Signing Keys:
Type   Keyset ID      Issued At                      Expires At                     State
X.509  ks_def5678uvw  2025-12-30 08:00:05 +0000 UTC  2026-03-30 08:00:05 +0000 UTC  Active
JWT    ks_def5678uvw  2025-12-30 08:00:05 +0000 UTC  2026-03-30 08:00:05 +0000 UTC  Active
X.509  ks_abc1234xyz  2025-10-15 09:23:41 +0000 UTC  2026-01-13 09:23:41 +0000 UTC  Tainted
JWT    ks_abc1234xyz  2025-10-15 09:23:41 +0000 UTC  2026-01-13 09:23:41 +0000 UTC  Tainted
`,
  );
});

test.serial('list as JSON has wire enumerations, RFC 3339 times and what agents hold', async (t) => {
  const { out } = await server.spirlctl(...keyset('list', '-o', 'json'));
  const { deployment, signingKeys } = JSON.parse(out) as { deployment: string; signingKeys: object[] };
  t.is(deployment, 'default');
  t.is(signingKeys.length, 4);
  t.like(signingKeys[2], {
    keyType: 'KEY_TYPE_X509',
    keyId: 'ks_abc1234xyz',
    issuedAt: '2025-10-15T09:23:41.000Z',
    state: 'STATE_TAINTED',
    agentSvids: 12,
  });
});

test.serial('list as JSON says where the key of each keyset lives', async (t) => {
  const { out } = await server.spirlctl(...keyset('list', '-o', 'json'));
  const { signingKeys } = JSON.parse(out) as { signingKeys: object[] };
  const keyReference = 'arn:aws:kms:us-east-1:123456789012:key/1';
  for (const key of signingKeys.slice(0, 2)) {
    t.like(key, { custody: 'awsKMS', custodySettings: { region: 'us-east-1' }, keyReference });
  }
  for (const key of signingKeys.slice(2)) {
    t.like(key, { custody: 'sealed', custodySettings: undefined, keyReference: undefined });
  }
});

test.serial('remove tells, beside its one line, that X.509-SVIDs live on where the root is shared', async (t) => {
  const { ring } = server.keysets.state.value;
  const [newer, older] = ring.keysets;
  if (newer === undefined || older === undefined) return t.fail();
  const removed = { ...ring, keysets: [newer] };
  const shared = { ...older, x509Authorities: newer.x509Authorities };
  const ask = async (before: typeof ring, ...args: readonly string[]) => {
    server.keysets.state.value = { ...server.keysets.state.value, ring: before };
    server.keysets.answer = () => {
      server.keysets.state.value = { ...server.keysets.state.value, ring: removed };
      return Promise.resolve({ unchanged: before === removed });
    };
    const answer = await server.spirlctl(...keyset('remove', older.id), ...args);
    server.keysets.state.value = { ...server.keysets.state.value, ring };
    return answer;
  };
  const out = 'Keyset ks_abc1234xyz removed.\n';
  const said = await ask({ ...ring, keysets: [newer, shared] });
  t.deepEqual([said.code, said.out], [0, out]);
  t.regex(said.err, /^Note: X.509-SVIDs of ks_abc1234xyz verify until they end, because other keysets chain to .*\n$/);
  t.deepEqual(await ask(ring), { code: 0, out, err: '' }, 'roots of their own');
  t.deepEqual(await ask(removed), { code: 0, out, err: '' }, 'removed before');
  const json = await ask({ ...ring, keysets: [newer, shared] }, '-o', 'json');
  t.like(JSON.parse(json.out), { keysetId: older.id, rootStillTrusted: true });
});

const done: { args: string[]; text: string; call: RegExp }[] = [
  { args: ['prepare'], text: 'Keyset ks_def5678uvw prepared.\n', call: /^prepare by uid:\d+$/ },
  {
    args: ['activate', 'ks_abc1234xyz'],
    text: 'Keyset ks_abc1234xyz activated.\n',
    call: /^activate ks_abc1234xyz by /,
  },
  { args: ['taint', 'ks_abc1234xyz'], text: 'Keyset ks_abc1234xyz tainted.\n', call: /^taint ks_abc1234xyz by / },
  { args: ['remove', 'ks_abc1234xyz'], text: 'Keyset ks_abc1234xyz removed.\n', call: /^remove ks_abc1234xyz by / },
];
for (const { args, text, call } of done) {
  test.serial(`${args.join(' ')} says that it is done, and nothing else`, async (t) => {
    t.deepEqual(await server.spirlctl(...keyset(...args)), { code: 0, out: text, err: '' });
    t.regex(server.keysets.calls[0] ?? '', call);
  });
}

test.serial('a repeated step is no error, and JSON tells that nothing changed', async (t) => {
  server.keysets.answer = () => Promise.resolve({ unchanged: true });
  const { code, out } = await server.spirlctl(...keyset('taint', 'ks_abc1234xyz'), '-o', 'json');
  t.is(code, 0);
  t.like(JSON.parse(out), { keysetId: 'ks_abc1234xyz', unchanged: true });
});

const refused = [
  'cannot taint active key set',
  'cannot activate tainted key set',
  'cannot remove active key set',
  'cannot remove a key set that is not tainted',
];
for (const sentence of refused) {
  test.serial(`a refusal goes to standard error as it is: ${sentence}`, async (t) => {
    server.keysets.answer = refusal(sentence);
    t.deepEqual(await server.spirlctl(...keyset('taint', 'ks_abc1234xyz')), {
      code: 1,
      out: '',
      err: `Error: ${sentence}\n`,
    });
  });
}

const internal: { name: string; error: unknown }[] = [
  { name: 'a second mutation at once', error: new SpirlError('CONCURRENT_MUTATION', 'whatever it says') },
  { name: 'an unexpected error, whose text nobody sees', error: new Error('secret') },
];
for (const { name, error } of internal) {
  test.serial(`the sentence of the runbook stands without a prefix: ${name}`, async (t) => {
    server.keysets.answer = () => Promise.reject(error);
    t.deepEqual(await server.spirlctl(...keyset('prepare')), {
      code: 1,
      out: '',
      err: 'The request failed due to an internal error, please try again.\n',
    });
  });
}

const unknown: { args: string[]; err: string }[] = [
  {
    args: ['--trust-domain', 'nope.org', '--deployment-name', 'default'],
    err: 'Error: trust domain "nope.org" not found\n',
  },
  {
    args: ['--trust-domain', 'example.org', '--deployment-name', 'eu'],
    err: 'Error: deployment "eu" of trust domain example.org not found\n',
  },
];
for (const { args, err } of unknown) {
  test.serial(`what is not here is named: ${args.join(' ')}`, async (t) => {
    const list = await server.spirlctl('trust-domain', 'deployment', 'keyset', 'list', ...args);
    t.deepEqual(list, { code: 1, out: '', err });
    const taint = await server.spirlctl('trust-domain', 'deployment', 'keyset', 'taint', 'ks_abc1234xyz', ...args);
    t.deepEqual(taint, { code: 1, out: '', err });
    t.deepEqual(server.keysets.calls, []);
  });
}

test.serial('a command that takes longer tells what it waits for, on standard error, each text once', async (t) => {
  const clock = new FakeClock(Date.now());
  let finish = (): void => {};
  server.keysets.underWay = 'prepare by uid:0';
  server.keysets.answer = () => new Promise((resolve) => (finish = () => resolve({ unchanged: false })));
  let err = '';
  const running = server.spirlctlWith({ clock, err: (text) => (err += text) }, ...keyset('prepare'));
  while (server.keysets.calls.length === 0 || clock.sleeping === 0) await flush();
  t.is(err, '');
  await clock.advance(1_000);
  while (err === '') await flush();
  t.is(err, 'waiting for prepare by uid:0 ...\n');
  while (clock.sleeping === 0) await flush();
  await clock.advance(2_000);
  finish();
  t.like(await running, { code: 0, out: 'Keyset ks_def5678uvw prepared.\n' });
  t.is(err, 'waiting for prepare by uid:0 ...\n');
  server.keysets.underWay = undefined;
});

test.serial('Ctrl-C ends a command that waits', async (t) => {
  const stop = new AbortController();
  server.keysets.answer = () => new Promise(() => {});
  const running = server.spirlctlWith({ signal: stop.signal }, ...keyset('prepare'));
  while (server.keysets.calls.length === 0) await flush();
  stop.abort();
  t.like(await running, { code: 130, out: '' });
});

const usage: { name: string; args: string[] }[] = [
  { name: 'no command', args: [] },
  { name: 'half a command', args: ['trust-domain', 'deployment'] },
  { name: 'an unknown command', args: ['keysets'] },
  { name: 'no trust domain', args: ['trust-domain', 'deployment', 'keyset', 'list', '--deployment-name', 'default'] },
  { name: 'no keyset id', args: keyset('activate') },
  { name: 'two keyset ids', args: keyset('activate', 'ks_a', 'ks_b') },
  { name: 'an unknown option', args: keyset('list', '--force') },
  { name: 'an unknown output', args: keyset('list', '-o', 'yaml') },
  { name: 'a server that is no local socket', args: keyset('list', '--server', 'https://example.org') },
];
for (const { name, args } of usage) {
  test(`exit code 2: ${name}`, async (t) => {
    const { code, out, err } = await runCli(args);
    t.deepEqual([code, out], [2, '']);
    t.not(err, '');
  });
}

test('no server: the socket, where its name came from, and how to start one', async (t) => {
  const { code, err } = await runCli(keyset('list'), { env: { SPIRL_SERVER: '/nonexistent/admin.sock' } });
  t.is(code, 1);
  t.is(
    err,
    'Error: no server answers at /nonexistent/admin.sock (from SPIRL_SERVER): there is no socket.\n' +
      'Start one with "npm start", or "spirl-server run --config FILE"; name another with --server or SPIRL_SERVER.\n',
  );
});

const empty: { args: string[]; err: RegExp }[] = [
  {
    args: ['list', '--trust-domain', '', '--deployment-name', 'default'],
    err: /^Error: required option '--trust-domain <name>' not specified: it is empty\n$/,
  },
  {
    args: ['prepare', '--trust-domain', 'example.org', '--deployment-name', ''],
    err: /^Error: required option '--deployment-name <name>' not specified: it is empty\n$/,
  },
  { args: ['taint', '', ...where], err: /^Error: missing required argument 'keyset-id': it is empty\n$/ },
];
for (const { args, err } of empty) {
  test.serial(`a variable that was never exported is wrong usage: ${args.join(' ')}`, async (t) => {
    const result = await server.spirlctl('trust-domain', 'deployment', 'keyset', ...args);
    t.is(result.code, 2);
    t.regex(result.err, err);
    t.is(server.keysets.calls.length, 0);
  });
}
