import test from 'ava';
import { SpirlError } from '../../src/runtime/errors.js';
import { OpenCalls } from '../../src/workload-api/open-calls.js';
import { PushQueue } from '../../src/workload-api/push-queue.js';
import { StreamOutbox } from '../../src/workload-api/stream-outbox.js';
import { UidQuota } from '../../src/workload-api/uid-quota.js';

/** A client that takes a message only when it is told to. */
class SlowSink {
  readonly got: string[] = [];
  #sent: (() => void) | undefined;
  write(message: Buffer, sent: () => void): void {
    this.got.push(message.toString());
    this.#sent = sent;
  }
  take(): void {
    const sent = this.#sent;
    this.#sent = undefined;
    sent?.();
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const never = (): void => {};

test('the first message is written at once, a later one in its turn', async (t) => {
  const sink = new SlowSink();
  const outbox = new StreamOutbox(sink, new PushQueue(), never, never);
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
  const outbox = new StreamOutbox(sink, new PushQueue(), never, never);
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
  const outbox = new StreamOutbox(sink, new PushQueue(), never, never);
  for (const text of ['a', 'a', 'b', 'a']) outbox.offer(Buffer.from(text));
  sink.take();
  await turn();
  t.deepEqual(sink.got, ['a']);
});

test('a check that fails ends the stream before anything is written', async (t) => {
  const sink = new SlowSink();
  const failures: unknown[] = [];
  const gone = new SpirlError('NOT_AUTHORIZED', 'caller has gone');
  let alive = true;
  const check = (): void => {
    if (!alive) throw gone;
  };
  const outbox = new StreamOutbox(sink, new PushQueue(), check, (error) => failures.push(error));
  outbox.offer(Buffer.from('a'));
  sink.take();
  alive = false;
  outbox.offer(Buffer.from('b'));
  await turn();
  alive = true;
  outbox.offer(Buffer.from('c'));
  await turn();
  t.deepEqual(sink.got, ['a']);
  t.deepEqual(failures, [gone]);
});

test('after its end nothing is written', async (t) => {
  const sink = new SlowSink();
  const outbox = new StreamOutbox(sink, new PushQueue(), never, never);
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

test('calls end with their client, their failure or everything, whatever their work does', async (t) => {
  const calls = new OpenCalls();
  const client = new AbortController();
  const forEver = (): Promise<never> => new Promise(() => {});
  const [first, second, third] = [
    calls.during(client.signal, forEver),
    calls.during(new AbortController().signal, (call) => {
      call.fail(new SpirlError('NOT_AUTHORIZED', 'no'));
      return forEver();
    }),
    calls.during(new AbortController().signal, forEver),
  ];
  client.abort(new Error('gone'));
  await Promise.all([t.throwsAsync(first, { message: 'gone' }), t.throwsAsync(second, { code: 'NOT_AUTHORIZED' })]);
  t.is(calls.size, 1);
  calls.stop(new SpirlError('UNAVAILABLE', 'stopping'));
  await t.throwsAsync(third, { code: 'UNAVAILABLE' });
  await t.throwsAsync(calls.during(new AbortController().signal, forEver), { code: 'UNAVAILABLE' });
  t.is(calls.size, 0);
});

test('the signal of a call that has ended is aborted, and its result stands', async (t) => {
  const calls = new OpenCalls();
  let signal = new AbortController().signal;
  const result = await calls.during(new AbortController().signal, (call) => {
    signal = call.signal;
    return Promise.resolve('done');
  });
  t.is(result, 'done');
  t.true(signal.aborted);
});
