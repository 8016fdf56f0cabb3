import test from 'ava';
import { progressBar } from '../../bench/cli/progress-bar.js';
import { FakeClock } from '../fakes/fake-clock.js';

function started(isTerminal: boolean) {
  const clock = new FakeClock();
  const written: string[] = [];
  const terminal = {
    ...{ clock, isTerminal, err: (text: string) => void written.push(text), out: () => {} },
    ...{ examples: () => [], read: () => '', write: () => {}, untilStopped: () => new AbortController().signal },
  };
  return { clock, written, bar: progressBar(terminal) };
}

test('on a terminal a bar grows over one line, at most ten times a second, and is gone at the end', async (t) => {
  const { clock, written, bar } = started(true);
  bar.show(0);
  bar.show(0.1);
  await clock.advance(2_500);
  bar.show(0.5);
  await clock.advance(99);
  bar.show(0.6);
  await clock.advance(1);
  bar.show(2);
  bar.clear();
  t.is(written.length, 4);
  t.is(written[0], `\r[${'.'.repeat(40)}] 0 % of the horizon, 0 s `);
  t.is(written[1], `\r[${'#'.repeat(20)}${'.'.repeat(20)}] 50 % of the horizon, 3 s `);
  t.true(written[2]?.startsWith(`\r[${'#'.repeat(40)}]`));
  t.regex(written[3] ?? '', /^\r +\r$/);
});

test('where nobody watches nothing is written', async (t) => {
  const { clock, written, bar } = started(false);
  bar.show(0);
  await clock.advance(1_000);
  bar.show(0.5);
  bar.clear();
  t.deepEqual(written, []);
});
