import test, { type ExecutionContext } from 'ava';
import type { KeyManager } from '../../../../server-stub/src/domain/key-manager.js';
import { guardedKeyManager } from '../../../../server-stub/src/key-manager/remote/guarded-key-manager.js';
import { RemoteCalls } from '../../../../server-stub/src/key-manager/remote/remote-calls.js';
import { systemClock } from '../../../../src/runtime/clock.js';
import { answer, KeyServiceServer, type Interference } from '../../../fakes/key-service-server.js';
import { webhookOf } from '../webhook/webhook-of.js';

// A service that is busy has made no key: it is asked again. What answers in its place may have passed the request on.

const signal = new AbortController().signal;
const ID = 'ks_aaaaaaaaaa';

async function serve(t: ExecutionContext): Promise<{ server: KeyServiceServer; manager: KeyManager }> {
  const server = await KeyServiceServer.start();
  t.teardown(() => server.close());
  const metrics = { keyServiceCalled: () => {}, signedWrongly: () => {} };
  const calls = new RemoteCalls({ name: 'webhook', inFlight: 4, clock: systemClock, metrics, random: () => 0 });
  return { server, manager: guardedKeyManager(webhookOf(server).manager, calls) };
}

/** Answers the first `times` creations so; `done`: after the service made the key. */
function busy(status: number, times: number, done: 'done' | 'not done'): Interference {
  let left = times;
  return (request, response) => {
    if (request.method !== 'POST' || request.url !== '/hsm/keys' || left-- <= 0) return false;
    if (done === 'not done') {
      answer(response, status, { error: 'busy' });
      return true;
    }
    const writeHead = response.writeHead.bind(response);
    response.writeHead = ((_: number, headers: Record<string, string>) =>
      writeHead(status, headers)) as typeof response.writeHead;
    return false;
  };
}

const created = ({ requests }: KeyServiceServer): number => requests.filter((one) => one === 'POST /keys').length;

test('two answers 429 cost a new key nothing but time', async (t) => {
  const { server, manager } = await serve(t);
  server.interfere = busy(429, 2, 'not done');
  t.is((await manager.createKey(ID, 'EC-P256', signal)).id, ID);
  t.is(created(server), 3);
  t.is(server.keys.size, 1);
});

test('an answer 503 for a key that was made: the key is found, and there is one', async (t) => {
  const { server, manager } = await serve(t);
  server.interfere = busy(503, 1, 'done');
  const key = await manager.createKey(ID, 'EC-P256', signal);
  server.interfere = () => false;
  t.is((await key.sign(Buffer.from('data'), signal)).length, 64);
  t.is(server.keys.size, 1);
});

test('a key that was there before is no answer to the first request', async (t) => {
  const { manager } = await serve(t);
  await manager.createKey(ID, 'EC-P256', signal);
  await t.throwsAsync(manager.createKey(ID, 'EC-P256', signal), { code: 'ALREADY_EXISTS' });
});

test('a service that fails, without saying that it is busy, is asked for a key once', async (t) => {
  const { server, manager } = await serve(t);
  server.interfere = busy(500, 1, 'not done');
  await t.throwsAsync(manager.createKey(ID, 'EC-P256', signal), { code: 'KEY_SERVICE_UNAVAILABLE' });
  t.is(created(server), 1);
});
