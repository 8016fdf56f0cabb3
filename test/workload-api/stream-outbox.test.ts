import test from 'ava';
import { SpirlError } from '../../src/runtime/errors.js';
import { PushQueue } from '../../src/workload-api/push-queue.js';
import { StreamOutbox } from '../../src/workload-api/stream-outbox.js';
import { UidQuota } from '../../src/workload-api/uid-quota.js';

/** A client that takes a message only when it is told to. */
class SlowSink {
  readonly got: string[] = [];
  readonly failures: unknown[] = [];
  #sent: (() => void) | undefined;
  send(message: Buffer, sent: () => void): void {
    this.got.push(message.toString());
    this.#sent = sent;
  }
  fail(error: unknown): void {
    this.failures.push(error);
  }
  take(): void {
    const sent = this.#sent;
    this.#sent = undefined;
    sent?.();
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const SAME = { verify: (): void => {} };

test('the first message is written at once, a later one in its turn', async (t) => {
  const sink = new SlowSink();
  const outbox = new StreamOutbox(sink, new PushQueue(), SAME);
  outbox.offer(Buffer.from('a'));
  t.deepEqual(sink.got, ['a']);
  sink.take();
  outbox.offer(Buffer.from('b'));
  t.deepEqual(sink.got, ['a']);
  await turn();
  t.deepEqual(sink.got, ['a', 'b']);
});

test('while a message is on its way the newest one waits, alone', async (t) => {
  const sink = new SlowSink();
  const outbox = new StreamOutbox(sink, new PushQueue(), SAME);
  for (const text of ['a', 'b', 'c', 'd']) outbox.offer(Buffer.from(text));
  await turn();
  t.deepEqual(sink.got, ['a']);
  sink.take();
  await turn();
  t.deepEqual(sink.got, ['a', 'd']);
  sink.take();
  await turn();
  t.deepEqual(sink.got, ['a', 'd']);
});

test('what was sent is not sent again, also when something else waited in between', async (t) => {
  const sink = new SlowSink();
  const outbox = new StreamOutbox(sink, new PushQueue(), SAME);
  for (const text of ['a', 'a', 'b', 'a']) outbox.offer(Buffer.from(text));
  sink.take();
  await turn();
  t.deepEqual(sink.got, ['a']);
});

test('a check that fails ends the stream before anything is written', async (t) => {
  const sink = new SlowSink();
  const gone = new SpirlError('NOT_AUTHORIZED', 'caller has gone');
  let alive = true;
  const recipient = {
    verify: (): void => {
      if (!alive) throw gone;
    },
  };
  const outbox = new StreamOutbox(sink, new PushQueue(), recipient);
  outbox.offer(Buffer.from('a'));
  sink.take();
  alive = false;
  outbox.offer(Buffer.from('b'));
  await turn();
  alive = true;
  outbox.offer(Buffer.from('c'));
  await turn();
  t.deepEqual(sink.got, ['a']);
  t.deepEqual(sink.failures, [gone]);
});

test('after its end nothing is written', async (t) => {
  const sink = new SlowSink();
  const outbox = new StreamOutbox(sink, new PushQueue(), SAME);
  outbox.offer(Buffer.from('a'));
  outbox.offer(Buffer.from('b'));
  outbox.end();
  sink.take();
  await turn();
  t.deepEqual(sink.got, ['a']);
});

test('pushes run in order, a hundred per turn of the event loop', async (t) => {
  const queue = new PushQueue();
  const done: number[] = [];
  for (let job = 0; job < 250; job++) queue.add(() => done.push(job));
  t.is(done.length, 0);
  await turn();
  t.is(done.length, 100);
  await turn();
  await turn();
  t.deepEqual(
    done,
    Array.from({ length: 250 }, (_, job) => job),
  );
});

test('a quota counts per uid and gives back once', (t) => {
  const quota = new UidQuota('things', 2);
  const giveBack = quota.take(1);
  quota.take(1);
  t.throws(() => quota.take(1), { code: 'LIMIT_REACHED', message: 'too many things of uid 1: at most 2 at a time' });
  t.notThrows(() => quota.take(2));
  giveBack();
  giveBack();
  t.is(quota.held(1), 1);
  t.notThrows(() => quota.take(1));
});
