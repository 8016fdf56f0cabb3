import test from 'ava';
import { timeLimit } from '../../src/runtime/time-limit.js';
import { FakeClock, flush } from '../fakes/fake-clock.js';

test('what ends in its own turn never asks the clock', async (t) => {
  const clock = new FakeClock();
  const inTime = timeLimit(1_000, clock, () => t.fail());
  inTime();
  await flush();
  t.is(clock.sleeping, 0);
  await clock.advance(2_000);
});

test('what ends later, but in time, leaves no sleep behind', async (t) => {
  const clock = new FakeClock();
  const inTime = timeLimit(1_000, clock, () => t.fail());
  await clock.advance(999);
  inTime();
  t.is(clock.sleeping, 0);
  await clock.advance(2_000);
});

test('what does not end is told once, when its time is over', async (t) => {
  const clock = new FakeClock();
  let told = 0;
  const inTime = timeLimit(1_000, clock, () => (told += 1));
  await clock.advance(999);
  t.is(told, 0);
  await clock.advance(1);
  t.is(told, 1);
  inTime();
  await clock.advance(5_000);
  t.is(told, 1);
});
