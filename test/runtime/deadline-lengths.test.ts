import test from 'ava';
import fc from 'fast-check';
import { sleepEach } from '../../bench/micro/tricks/plain-serving.js';
import { DeadlineLengths } from '../../src/runtime/deadline-lengths.js';
import { DeadlineQueue } from '../../src/runtime/deadline-queue.js';
import { FakeClock } from '../fakes/fake-clock.js';

interface Limit {
  /** After the one before it, milliseconds. */
  readonly after: number;
  readonly ms: number;
  /** When it ends in time; `undefined`: it does not. */
  readonly endsAfter: number | undefined;
}

type Start = (limit: Limit, late: () => void) => () => void;

const limits = (ms: fc.Arbitrary<number>): fc.Arbitrary<Limit[]> =>
  fc.array(
    fc.record({
      after: fc.integer({ min: 0, max: 500 }),
      ms,
      endsAfter: fc.option(fc.integer({ min: 0, max: 3_000 }), { nil: undefined }),
    }),
    { minLength: 1, maxLength: 8 },
  );

/** When each limit was told, `undefined` where it ended in time. */
async function told(wanted: readonly Limit[], startOn: (clock: FakeClock) => Start): Promise<(number | undefined)[]> {
  const clock = new FakeClock(0);
  const start = startOn(clock);
  const times: (number | undefined)[] = wanted.map(() => undefined);
  const ends: { at: number; inTime: () => void }[] = [];
  const until = async (at: number): Promise<void> => {
    for (;;) {
      const next = ends.filter((end) => end.at <= at).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      ends.splice(ends.indexOf(next), 1);
      await clock.advance(Math.max(0, next.at - clock.now()));
      next.inTime();
    }
    await clock.advance(at - clock.now());
  };
  for (const [index, limit] of wanted.entries()) {
    await until(clock.now() + limit.after);
    const inTime = start(limit, () => (times[index] = clock.now()));
    if (limit.endsAfter !== undefined) ends.push({ at: clock.now() + limit.endsAfter, inTime });
  }
  await until(clock.now() + 20_000);
  return times;
}

const byItself =
  (clock: FakeClock): Start =>
  ({ ms }, late) =>
    sleepEach(clock, ms, late);

test('limits of one length are told when a sleep for each would have told them', async (t) => {
  await fc.assert(
    fc.asyncProperty(limits(fc.constant(1_000)), async (wanted) => {
      const queued = (clock: FakeClock): Start => {
        const queue = new DeadlineQueue(1_000, clock);
        return (_, late) => queue.start(late);
      };
      t.deepEqual(await told(wanted, queued), await told(wanted, byItself));
    }),
    { numRuns: 60 },
  );
});

test('limits of any length are told when they are over, at most a sixteenth or 16 ms later', async (t) => {
  const ms = fc.oneof(fc.integer({ min: 0, max: 10_000 }), fc.double({ min: 0, max: 10_000, noNaN: true }));
  await fc.assert(
    fc.asyncProperty(limits(ms), async (wanted) => {
      const rounded = (clock: FakeClock): Start => {
        const lengths = new DeadlineLengths(clock);
        return (limit, late) => lengths.start(limit.ms, late);
      };
      const never = wanted.map((limit) => ({ ...limit, endsAfter: undefined }));
      const [together, each] = [await told(never, rounded), await told(never, byItself)];
      for (const [index, limit] of wanted.entries()) {
        const [at = NaN, wantedAt = NaN] = [together[index], each[index]];
        t.true(at >= wantedAt && at <= wantedAt + Math.max(16, limit.ms / 16) + 1e-6, `${at} for ${wantedAt}`);
      }
    }),
    { numRuns: 60 },
  );
});

test('limits of thousands of lengths need few sleeps', async (t) => {
  const clock = new FakeClock(0);
  const lengths = new DeadlineLengths(clock);
  for (let ms = 1; ms <= 60_000; ms += 7) lengths.start(ms, () => {});
  t.true(clock.sleeping < 150, `${clock.sleeping} sleeps`);
  lengths.close();
  await clock.advance(0);
  t.is(clock.sleeping, 0);
});
