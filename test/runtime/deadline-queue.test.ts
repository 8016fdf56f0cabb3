import test from 'ava';
import { DeadlineQueue } from '../../src/runtime/deadline-queue.js';
import { FakeClock } from '../fakes/fake-clock.js';

test('each limit is told when its own time is over, once, and with one sleep for all', async (t) => {
  const clock = new FakeClock();
  const queue = new DeadlineQueue(1_000, clock);
  const late: string[] = [];
  queue.start(() => late.push('first'));
  await clock.advance(400);
  queue.start(() => late.push('second'));
  t.is(clock.sleeping, 1);
  await clock.advance(599);
  t.deepEqual(late, []);
  await clock.advance(1);
  t.deepEqual(late, ['first']);
  await clock.advance(400);
  t.deepEqual(late, ['first', 'second']);
  await clock.advance(5_000);
  t.is(late.length, 2);
  t.is(clock.sleeping, 0);
});

test('what ends in time is never told, and what begins after a quiet time is', async (t) => {
  const clock = new FakeClock();
  const queue = new DeadlineQueue(1_000, clock);
  const late: string[] = [];
  for (let i = 0; i < 100; i++) queue.start(() => late.push('no'))();
  await clock.advance(10_000);
  t.is(clock.sleeping, 0);
  queue.start(() => late.push('yes'));
  await clock.advance(1_000);
  t.deepEqual(late, ['yes']);
});

test('one that begins while others are told gets its whole time', async (t) => {
  const clock = new FakeClock();
  const queue = new DeadlineQueue(1_000, clock);
  const late: number[] = [];
  queue.start(() => queue.start(() => late.push(clock.now())));
  const begun = clock.now();
  await clock.advance(1_999);
  t.deepEqual(late, []);
  await clock.advance(1);
  t.deepEqual(late, [begun + 2_000]);
});

test('after close nothing is told and no sleep is left', async (t) => {
  const clock = new FakeClock();
  const queue = new DeadlineQueue(1_000, clock);
  queue.start(() => t.fail());
  queue.close();
  queue.start(() => t.fail());
  await clock.advance(5_000);
  t.is(clock.sleeping, 0);
});
