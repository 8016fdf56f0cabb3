import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { BundleStream, type BundleStreamOptions } from '../../src/issuer-client/bundle-stream.js';
import { FIRST_STATE_MS } from '../../src/issuer-client/call-limits.js';
import { StateDirectory } from '../../src/issuer-client/state-directory.js';
import { TrustStore } from '../../src/issuer-client/trust-store.js';
import { Latest } from '../../src/runtime/latest.js';
import { FakeClock, flush } from '../fakes/fake-clock.js';
import { RecordingLogger } from '../fakes/recording-logger.js';

/** A connection whose server takes the bundle stream, and says nothing on it. */
class SilentConnection {
  opened = 0;
  cancelled = 0;
  use<T>(work: () => Promise<T>): Promise<T> {
    return work();
  }
  converse() {
    this.opened += 1;
    const never = new Promise<IteratorResult<never, void>>(() => {});
    return Promise.resolve({
      send: () => {},
      cancel: () => (this.cancelled += 1),
      answers: () => ({ next: () => never }),
    });
  }
}

test('a server that sends no trust state is not waited for: the agent says so, asks again, and then connects anew', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'silent-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const [clock, logger, connection] = [new FakeClock(), new RecordingLogger(), new SilentConnection()];
  let reconnected = 0;
  const sessions = {
    status: new Latest<{ version: number; connection: SilentConnection }>({ version: 1, connection }),
    connectionInTime: () => Promise.resolve(connection),
    reconnect: () => Promise.resolve(void (reconnected += 1)),
    ...{ refused: () => t.fail(), trust: () => Promise.resolve() },
  } as unknown as BundleStreamOptions['sessions'];
  const store = await TrustStore.open(await StateDirectory.open(join(directory, 'state'), logger), 'c-1');
  const bundles = new BundleStream({ sessions, store, clock, random: () => 0.5, logger });
  const stop = new AbortController();
  const running = bundles.run(stop.signal).catch(() => {});

  await clock.advance(FIRST_STATE_MS - 1);
  t.deepEqual([connection.opened, connection.cancelled], [1, 0]);
  await clock.advance(1);
  t.is(connection.cancelled, 1);
  t.deepEqual(bundles.status(), { connected: false, reason: 'the trust-domain server sent no trust state in time' });
  await clock.advance(2 * FIRST_STATE_MS);
  t.is(connection.cancelled, 2);
  t.is(reconnected, 1);
  t.true(logger.lines.some(({ message }) => message === 'bundle stream failed, will retry'));
  stop.abort();
  await flush();
  await running;
});
