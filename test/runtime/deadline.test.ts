import test from 'ava';
import { withDeadline } from '../../src/runtime/deadline.js';
import { hasCode } from '../../src/runtime/errors.js';
import { FakeClock } from '../fakes/fake-clock.js';

const SIGNAL = new AbortController().signal;
const never = (): Promise<never> => new Promise(() => {});

test('work that ends in time is what is answered, and the timer is gone', async (t) => {
  const clock = new FakeClock();
  t.is(await withDeadline(() => Promise.resolve(7), 1000, 'late', clock, SIGNAL), 7);
  await t.throwsAsync(
    withDeadline(() => Promise.reject(new Error('own')), 1000, 'late', clock, SIGNAL),
    { message: 'own' },
  );
  t.is(clock.sleeping, 0);
});

test('work that hangs is given up at the deadline, and told so by its signal', async (t) => {
  const clock = new FakeClock();
  let told: AbortSignal | undefined;
  const work = (signal: AbortSignal): Promise<never> => {
    told = signal;
    return never();
  };
  const late = t.throwsAsync(withDeadline(work, 1000, 'no answer', clock, SIGNAL), { message: 'no answer' });
  await clock.advance(1000);
  t.true(hasCode(await late, 'DEADLINE_EXCEEDED'));
  t.true(told?.aborted);
});

test('a caller that leaves ends the wait with its own reason', async (t) => {
  const clock = new FakeClock();
  const gone = new AbortController();
  const waiting = withDeadline(never, 1000, 'late', clock, gone.signal);
  gone.abort(new Error('left'));
  await t.throwsAsync(waiting, { message: 'left' });
  await t.throwsAsync(withDeadline(never, 1000, 'late', clock, gone.signal), { message: 'left' });
  t.is(clock.sleeping, 0);
});
