import test from 'ava';
import { Seldom } from '../../src/runtime/seldom.js';
import { FakeClock } from '../fakes/fake-clock.js';

test('what happens often is told at once, then once in a while with how often it has happened since', async (t) => {
  const clock = new FakeClock();
  const seldom = new Seldom(60_000, clock);
  const told: number[] = [];
  const happens = (times: number): void => {
    for (let i = 0; i < times; i++) seldom.happened((count) => told.push(count));
  };

  happens(1_000);
  t.deepEqual(told, [1]);
  await clock.advance(59_999);
  happens(1);
  t.deepEqual(told, [1]);
  await clock.advance(1);
  happens(5);
  t.deepEqual(told, [1, 1_001]);
  await clock.advance(600_000);
  happens(1);
  t.deepEqual(told, [1, 1_001, 5]);
});
