import test from 'ava';
import { Overloaded } from '../../../src/domain/overloaded.js';
import { IssuanceQueue } from '../../../server-stub/src/api/agent-issuance-queue.js';
import { ISSUANCE_LIMITS, type IssuanceLimits, type Urgency } from '../../../server-stub/src/api/issuance-limits.js';
import { FakeClock, flush } from '../../fakes/fake-clock.js';
import { callerOf } from '../../fakes/svid-caller.js';

const FOREVER = callerOf(new AbortController().signal);

/** Jobs that wait to be released, and the order in which they began. */
function setUp(limits: Partial<IssuanceLimits> = {}, places?: () => number) {
  const clock = new FakeClock();
  const refused: string[] = [];
  const queue = new IssuanceQueue({
    clock,
    metrics: { issuanceRefused: (reason) => void refused.push(reason) },
    limits: { ...ISSUANCE_LIMITS, concurrency: 1, ...limits },
    ...(places && { places }),
  });
  const begun: string[] = [];
  const release: (() => void)[] = [];
  const issue = (agent: string, name: string, urgency: Urgency = 'first', caller = FOREVER) =>
    queue.issue(
      agent,
      urgency,
      async () => {
        begun.push(name);
        await new Promise<void>((resolve) => release.push(resolve));
        return name;
      },
      caller,
    );
  const releaseOne = async (): Promise<void> => {
    release.shift()?.();
    await flush();
  };
  const releaseAll = async (): Promise<void> => {
    while (release.length > 0) await releaseOne();
  };
  return { queue, clock, refused, issue, begun, releaseOne, releaseAll };
}

test('first issues go before renewals that came earlier', async (t) => {
  const { issue, begun, releaseAll } = setUp();
  const jobs = [
    issue('a', '1'),
    issue('a', 'r1', 'renewal'),
    issue('a', 'r2', 'renewal'),
    issue('b', '2'),
    issue('b', '3'),
  ];
  await flush();
  await releaseAll();
  await Promise.all(jobs);
  t.deepEqual(begun, ['1', '2', '3', 'r1', 'r2']);
});

test('a flood of first issues does not stop renewals', async (t) => {
  const { issue, begun, releaseAll } = setUp();
  const jobs = [issue('a', '0'), issue('a', 'renewal', 'renewal')];
  for (let i = 1; i < 30; i++) jobs.push(issue('a', String(i)));
  await flush();
  await releaseAll();
  await Promise.all(jobs);
  t.true(begun.indexOf('renewal') <= 8);
});

test('one agent cannot fill the line for the others', async (t) => {
  const { issue, releaseAll, refused } = setUp({ perAgent: 4 });
  const jobs = [1, 2, 3, 4].map((name) => issue('greedy', String(name)));
  await t.throwsAsync(issue('greedy', '5'), { code: 'LIMIT_REACHED' });
  t.deepEqual(refused, ['agent_limit']);
  const other = issue('modest', '6');
  await flush();
  await releaseAll();
  await Promise.all([...jobs, other]);
  const again = issue('greedy', '7');
  await flush();
  await releaseAll();
  t.is(await again, '7');
});

test('an agent with a thousand waiting workloads does not keep another agent waiting', async (t) => {
  const { issue, begun, releaseOne } = setUp({ perTurn: 1000 });
  for (let n = 0; n < 1000; n++) void issue('a', `a${n}`);
  void issue('b', 'b');
  for (let ended = 0; ended < 3; ended++) await releaseOne();
  t.deepEqual(begun, ['a0', 'a1', 'b', 'a2']);
});

test('the line has an end, at which an agent is told when to come again', async (t) => {
  const { issue, releaseAll, refused } = setUp({ concurrency: 2, waiting: 5 });
  const jobs = [1, 2, 3, 4, 5, 6, 7].map((name) => issue('a', String(name)));
  const error = await t.throwsAsync(issue('b', '8'), { instanceOf: Overloaded, code: 'CANNOT_ISSUE' });
  t.true(error.retryAfterMs >= 1_000);
  t.deepEqual(refused, ['busy']);
  await flush();
  await releaseAll();
  t.is((await Promise.all(jobs)).length, 7);
});

test('the event loop gets its turn between jobs that never wait', async (t) => {
  const { queue } = setUp({ concurrency: 4, perTurn: 10 });
  let done = 0;
  let atFirstTurn = 0;
  setImmediate(() => (atFirstTurn = done));
  const job = () => Promise.resolve(done++);
  await Promise.all(Array.from({ length: 200 }, () => queue.issue('a', 'first', job, FOREVER)));
  t.true(atFirstTurn <= 10);
  t.is(done, 200);
});

test('worker threads add places, and their end takes them away', async (t) => {
  let places = 3;
  const { issue, begun, releaseOne } = setUp({}, () => places);
  for (let n = 0; n < 6; n++) void issue('a', String(n));
  await flush();
  t.is(begun.length, 3);
  places = 0;
  for (let n = 0; n < 3; n++) await releaseOne();
  t.is(begun.length, 4);
});

test('items of a caller that goes leave the line at once and make room', async (t) => {
  const { queue, issue, begun, refused, releaseAll } = setUp({ perAgent: 10 });
  const gone = new AbortController();
  const under = issue('a', 'under way');
  const left = [1, 2, 3].map((n) => issue('a', `left ${n}`, 'first', callerOf(gone.signal)));
  const stays = issue('a', 'stays', 'renewal');
  t.is(queue.size, 4);
  gone.abort();
  t.is(queue.size, 1);
  for (const item of left) await t.throwsAsync(item, { code: 'UNAVAILABLE' });
  t.deepEqual(refused, ['gone', 'gone', 'gone']);
  await t.throwsAsync(issue('a', 'too late', 'first', callerOf(gone.signal)), { code: 'UNAVAILABLE' });
  await releaseAll();
  await Promise.all([under, stays]);
  t.deepEqual(begun, ['under way', 'stays']);
});

test('what has waited for too long is refused though nothing ends meanwhile', async (t) => {
  const { queue, clock, issue, refused } = setUp();
  const stop = new AbortController();
  const running = queue.run(stop.signal);
  void issue('a', 'never ends');
  const late = issue('a', 'waits');
  void late.catch(() => {});
  await clock.advance(4_000);
  t.deepEqual(refused, []);
  await clock.advance(ISSUANCE_LIMITS.waitMs - 3_500);
  await t.throwsAsync(late, { instanceOf: Overloaded });
  t.deepEqual(refused, ['late']);
  t.is(queue.size, 0);
  stop.abort();
  await running;
});

test('nothing is begun for a caller whose deadline has passed while its item waited', async (t) => {
  const { clock, issue, begun, releaseAll } = setUp();
  void issue('a', 'first');
  const item = issue('a', 'second', 'first', callerOf(FOREVER.signal, clock.now() + 1_000));
  void item.catch(() => {});
  await clock.advance(1_001);
  await releaseAll();
  await t.throwsAsync(item, { instanceOf: Overloaded });
  t.deepEqual(begun, ['first']);
});
