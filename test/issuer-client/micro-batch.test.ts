import test from 'ava';
import { MicroBatch } from '../../src/issuer-client/micro-batch.js';
import { SpirlError } from '../../src/runtime/errors.js';
import { flush } from '../fakes/fake-clock.js';

const never = (): AbortSignal => new AbortController().signal;

/** Each message waits until it is released. */
function setUp(limits = { items: 3, messages: 2, waiting: 5 }) {
  const sent: number[][] = [];
  const release: (() => void)[] = [];
  const batch = new MicroBatch<number, string>(async (items) => {
    sent.push([...items]);
    await new Promise<void>((resolve) => release.push(resolve));
    return items.map((item) => (item < 0 ? new SpirlError('LIMIT_REACHED', 'no') : `done ${item}`));
  }, limits);
  return { batch, sent, release };
}

test('messages, their items and those waiting are bounded', async (t) => {
  const { batch, sent, release } = setUp();
  const first = [1, 2, 3, 4, 5].map((item) => batch.add(item, never()));
  await flush();
  const second = [6, 7, 8, 9, 10].map((item) => batch.add(item, never()));
  await t.throwsAsync(batch.add(11, never()), { message: /too many requests/ });
  t.deepEqual(sent, [
    [1, 2, 3],
    [4, 5],
  ]);
  release.shift()?.();
  await flush();
  t.deepEqual(sent[2], [6, 7, 8]);
  release.splice(0).forEach((next) => next());
  await flush();
  release.splice(0).forEach((next) => next());
  t.deepEqual(
    await Promise.all([...first, ...second]),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((item) => `done ${item}`),
  );
});

test('an item that leaves the line is not sent', async (t) => {
  const { batch, sent, release } = setUp();
  const leaving = new AbortController();
  const left = batch.add(1, leaving.signal);
  const stayed = batch.add(2, never());
  leaving.abort(new Error('gone'));
  await t.throwsAsync(left, { message: 'gone' });
  await flush();
  t.deepEqual(sent, [[2]]);
  release[0]?.();
  t.is(await stayed, 'done 2');
});

test('each item has its own outcome; an answer that is too short fails the rest', async (t) => {
  const batch = new MicroBatch<number, string>((items) => Promise.resolve(items.slice(0, 1).map(String)), {
    items: 10,
    messages: 1,
    waiting: 10,
  });
  const [first, second] = await Promise.allSettled([batch.add(1, never()), batch.add(2, never())]);
  t.like(first, { status: 'fulfilled', value: '1' });
  t.like(second, { status: 'rejected', reason: { code: 'UNAVAILABLE' } });
});
