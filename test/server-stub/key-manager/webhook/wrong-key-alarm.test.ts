import test from 'ava';
import { guardedKeyManager } from '../../../../server-stub/src/key-manager/remote/guarded-key-manager.js';
import { RemoteCalls } from '../../../../server-stub/src/key-manager/remote/remote-calls.js';
import { systemClock } from '../../../../src/runtime/clock.js';
import { KeyServiceServer, newKey } from '../../../fakes/key-service-server.js';
import { webhookOf } from './webhook-of.js';

const signal = new AbortController().signal;
const ID = 'ks_aaaaaaaaaa';

test('a service that signs with another key costs one item and raises one alarm', async (t) => {
  const server = await KeyServiceServer.start();
  t.teardown(() => server.close());
  let alarms = 0;
  const metrics = { keyServiceCalled: () => {}, signedWrongly: () => alarms++ };
  const calls = new RemoteCalls({ name: 'webhook', inFlight: 4, clock: systemClock, metrics, random: () => 0 });
  const manager = guardedKeyManager(webhookOf(server).manager, calls);
  const key = await manager.createKey(ID, 'EC-P256', signal);
  const held = server.keys.get(`tdd-1-${ID}`);
  if (held === undefined) return t.fail();
  server.keys.set(`tdd-1-${ID}`, newKey('EC-P256'));
  await t.throwsAsync(key.sign(Buffer.from('data'), signal), { code: 'KEY_SERVICE_UNAVAILABLE' });
  t.is(alarms, 1);
  server.keys.set(`tdd-1-${ID}`, held);
  t.is((await key.sign(Buffer.from('data'), signal)).length, 64);
  t.is(alarms, 1);
});
