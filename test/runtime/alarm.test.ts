import test from 'ava';
import { Alarm } from '../../src/runtime/alarm.js';
import { FakeClock, flush } from '../fakes/fake-clock.js';

test('a wait ends after its time, when rung and when aborted, and leaves no sleeper behind', async (t) => {
  const clock = new FakeClock();
  const alarm = new Alarm();
  const stop = new AbortController();
  let ended = 0;
  const wait = (ms: number): void => void alarm.wait(ms, clock, stop.signal).then(() => ended++);
  wait(1_000);
  await clock.advance(999);
  t.is(ended, 0);
  await clock.advance(1);
  t.is(ended, 1);
  wait(Infinity);
  await flush();
  alarm.ring();
  await flush();
  t.is(ended, 2);
  wait(1_000);
  await flush();
  stop.abort();
  await flush();
  t.is(ended, 3);
  t.is(clock.sleeping, 0);
});

test('a ring before the wait ends it at once, and only that one', async (t) => {
  const clock = new FakeClock();
  const alarm = new Alarm();
  const { signal } = new AbortController();
  alarm.ring();
  alarm.ring();
  await alarm.wait(1_000, clock, signal);
  let ended = false;
  void alarm.wait(1_000, clock, signal).then(() => (ended = true));
  await clock.advance(500);
  t.false(ended);
  await clock.advance(500);
  t.true(ended);
});
