import test from 'ava';
import { settleKeyManagers } from '../../../server-stub/src/keyset/settle-key-managers.js';
import type { Custody, KeyManagers } from '../../../server-stub/src/keyset/keyset-parts.js';
import { FakeClock } from '../../fakes/fake-clock.js';
import { keyset, ringOf } from './rings.js';

test('once a minute the key managers are told which keysets the ring has now', async (t) => {
  const clock = new FakeClock();
  const told: (readonly string[])[] = [];
  const nobody = () => Promise.reject(new Error('nobody is asked'));
  const keyManagers: KeyManagers = {
    next: nobody,
    holder: nobody,
    settle: (needed: readonly Custody[]) => {
      told.push(needed.map(({ custody }) => custody));
      return Promise.resolve();
    },
  };
  const active = keyset('b', 'ACTIVE', 1, { custody: 'awsKMS' });
  let ring = ringOf(active, keyset('a', 'TAINTED', 0, { custody: 'pkcs11' }));
  const stop = new AbortController();
  const running = settleKeyManagers({ keyManagers, ring: () => ring, clock }, stop.signal).catch(() => {});
  await clock.advance(59_000);
  t.deepEqual(told, []);
  await clock.advance(1_000);
  ring = ringOf(active);
  await clock.advance(60_000);
  t.deepEqual(told, [['awsKMS', 'pkcs11'], ['awsKMS']]);
  stop.abort();
  await running;
});
