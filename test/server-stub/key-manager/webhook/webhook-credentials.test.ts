import test from 'ava';
import { systemClock } from '../../../../src/runtime/clock.js';
import { FakeClock } from '../../../fakes/fake-clock.js';
import { KeyServiceServer } from '../../../fakes/key-service-server.js';
import { webhookOf } from './webhook-of.js';

const signal = new AbortController().signal;

/** Time for files stands still; that of the calls is the system's. */
function frozenClock(): FakeClock {
  const clock = new FakeClock();
  clock.sleep = (ms, until) => systemClock.sleep(ms, until);
  return clock;
}

async function guarded(t: import('ava').ExecutionContext) {
  const server = await KeyServiceServer.start();
  t.teardown(() => server.close());
  server.token = 'token-1';
  const clock = frozenClock();
  return { server, clock, ...webhookOf(server, { bearerTokenPath: '/etc/spirl/token' }, clock) };
}

test('the bearer token of the file is shown', async (t) => {
  const { manager } = await guarded(t);
  t.deepEqual(await manager.listKeys(signal), []);
});

test('a token that is replaced in the service and in the file costs nothing', async (t) => {
  const { server, manager, files } = await guarded(t);
  await manager.listKeys(signal);
  server.token = 'token-2';
  files.set('/etc/spirl/token', 'token-2');
  t.deepEqual(await manager.listKeys(signal), []);
  t.is(server.requests.length, 3, 'once more, after the refusal');
});

test('a token that is refused is not sent again and again', async (t) => {
  const { server, manager } = await guarded(t);
  server.token = 'another';
  await t.throwsAsync(manager.listKeys(signal), { code: 'KEY_SERVICE_REFUSED', message: /not with Bearer \*\*\*/ });
  t.is(server.requests.length, 1);
});

test('files are read again after ten seconds, and what worked is kept while they cannot be read', async (t) => {
  const { server, manager, files, clock } = await guarded(t);
  await manager.listKeys(signal);
  files.set('/etc/spirl/token', 'token-2');
  t.deepEqual(await manager.listKeys(signal), [], 'not yet');
  files.delete('/etc/spirl/token');
  await clock.advance(10_000);
  t.deepEqual(await manager.listKeys(signal), [], 'the last one');
  server.token = 'token-3';
  files.set('/etc/spirl/token', 'token-3');
  await clock.advance(10_000);
  t.deepEqual(await manager.listKeys(signal), []);
});

for (const [name, text] of [
  ['is empty', ''],
  ['has two lines', 'a\nb'],
  ['would add a header', 'a\r\nx-admin: 1'],
] as const) {
  test(`a token file that ${name} is refused without being quoted`, async (t) => {
    const { manager, files, server } = await guarded(t);
    files.set('/etc/spirl/token', text);
    await t.throwsAsync(manager.listKeys(signal), {
      code: 'INVALID_CONFIG',
      message: 'file "/etc/spirl/token" cannot be used: it holds no bearer token',
    });
    t.deepEqual(server.requests, []);
  });
}

test('a file of authorities without one is refused', async (t) => {
  const { manager, files } = await guarded(t);
  files.set('/etc/spirl/ca.pem', 'nothing');
  await t.throwsAsync(manager.listKeys(signal), { code: 'INVALID_CONFIG', message: /holds no PEM certificate/ });
});
