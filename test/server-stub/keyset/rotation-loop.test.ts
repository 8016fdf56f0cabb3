import test from 'ava';
import { SpirlError } from '../../../src/runtime/errors.js';
import { runRotation } from '../../../server-stub/src/keyset/rotation-loop.js';
import { FakeClock } from '../../fakes/fake-clock.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';

/** The loop with what `rotate` answers, and the seconds at which it was asked. */
function looping(answer: (second: number) => boolean) {
  const [clock, logger, stop] = [new FakeClock(0), new RecordingLogger(), new AbortController()];
  const asked: number[] = [];
  const rotate = async () => {
    await Promise.resolve();
    asked.push(clock.now() / 1000);
    return answer(clock.now() / 1000);
  };
  const run = runRotation({ rotate, tickMs: () => 60_000, clock, logger }, stop.signal);
  return { clock, logger, stop, asked, run };
}

test('the schedule is asked once a tick, and again at once after a step', async (t) => {
  let steps = 2;
  const { clock, asked, stop, run } = looping(() => steps-- > 0);
  await clock.advance(120_000);
  t.deepEqual(asked, [0, 0, 0, 60, 120]);
  stop.abort();
  await t.throwsAsync(run, { any: true });
});

test('what fails is tried again with backoff until it works, and each failure is told', async (t) => {
  const { clock, logger, asked, stop, run } = looping((second) => {
    if (second < 200) throw new SpirlError('KEY_SERVICE_UNAVAILABLE', 'away');
    return false;
  });
  await clock.advance(300_000);
  t.deepEqual(asked, [0, 1, 3, 7, 15, 31, 63, 123, 183, 243]);
  t.deepEqual(
    logger.lines.map(({ level }) => level),
    Array(9).fill('error'),
  );
  stop.abort();
  await t.throwsAsync(run, { any: true });
});

test("an operator's command under way is no error; what nobody expected ends the loop", async (t) => {
  const { clock, logger, run } = looping((second) => {
    if (second > 0) throw new TypeError('a bug');
    throw new SpirlError('CONCURRENT_MUTATION', 'try again');
  });
  const failed = t.throwsAsync(run, { instanceOf: TypeError });
  await clock.advance(1000);
  await failed;
  t.deepEqual(
    logger.lines.map(({ level }) => level),
    ['info'],
  );
});
