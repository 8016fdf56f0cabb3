import test from 'ava';
import { checkAttributes, checkAudience, checkItemCount } from '../../../server-stub/src/api/agent-issuance-checks.js';
import { IssuanceQueue } from '../../../server-stub/src/api/agent-issuance-queue.js';
import { flush } from '../../fakes/fake-clock.js';

const LIMITS = { concurrency: 2, waiting: 5, perAgent: 4, perTurn: 100 };

/** Jobs that wait to be released, and the order in which they began. */
function setUp(limits = LIMITS) {
  const queue = new IssuanceQueue(limits);
  const begun: string[] = [];
  const release: (() => void)[] = [];
  const run = (agent: string, name: string, urgency: 'first' | 'renewal' = 'first') =>
    queue.run(agent, urgency, async () => {
      begun.push(name);
      await new Promise<void>((resolve) => release.push(resolve));
      return name;
    });
  const releaseAll = async (): Promise<void> => {
    while (release.length > 0) {
      release.shift()?.();
      await flush();
    }
  };
  return { run, begun, releaseAll };
}

test('first issues go before renewals that came earlier', async (t) => {
  const { run, begun, releaseAll } = setUp({ ...LIMITS, concurrency: 1, perAgent: 10 });
  const jobs = [run('a', '1'), run('a', 'r1', 'renewal'), run('a', 'r2', 'renewal'), run('b', '2'), run('b', '3')];
  await flush();
  await releaseAll();
  await Promise.all(jobs);
  t.deepEqual(begun, ['1', '2', '3', 'r1', 'r2']);
});

test('a flood of first issues does not stop renewals', async (t) => {
  const { run, begun, releaseAll } = setUp({ concurrency: 1, waiting: 100, perAgent: 100, perTurn: 100 });
  const jobs = [run('a', '0'), run('a', 'renewal', 'renewal')];
  for (let i = 1; i < 30; i++) jobs.push(run('a', String(i)));
  await flush();
  await releaseAll();
  await Promise.all(jobs);
  t.true(begun.indexOf('renewal') <= 8);
});

test('one agent cannot fill the line for the others', async (t) => {
  const { run, releaseAll } = setUp();
  const jobs = [1, 2, 3, 4].map((name) => run('greedy', String(name)));
  await t.throwsAsync(run('greedy', '5'), { code: 'LIMIT_REACHED' });
  const other = run('modest', '6');
  await flush();
  await releaseAll();
  await Promise.all([...jobs, other]);
  const again = run('greedy', '7');
  await flush();
  await releaseAll();
  t.is(await again, '7');
});

test('the line has an end', async (t) => {
  const { run, releaseAll } = setUp({ ...LIMITS, perAgent: 100 });
  const jobs = [1, 2, 3, 4, 5, 6, 7].map((name) => run('a', String(name)));
  await t.throwsAsync(run('b', '8'), { code: 'LIMIT_REACHED' });
  await flush();
  await releaseAll();
  t.is((await Promise.all(jobs)).length, 7);
});

test('the event loop gets its turn between jobs that never wait', async (t) => {
  const queue = new IssuanceQueue({ concurrency: 4, waiting: 1000, perAgent: 1000, perTurn: 10 });
  let done = 0;
  let atFirstTurn = 0;
  setImmediate(() => (atFirstTurn = done));
  await Promise.all(Array.from({ length: 200 }, () => queue.run('a', 'first', () => Promise.resolve(done++))));
  t.true(atFirstTurn <= 10);
  t.is(done, 200);
});

const wrong: { name: string; attributes: Record<string, string[]>; says: RegExp }[] = [
  { name: 'cluster.id', attributes: { 'cluster.id': ['c-1'] }, says: /cluster\.id comes from the session/ },
  { name: 'an empty name', attributes: { '': ['x'] }, says: /a name has 1 to 512 characters/ },
  { name: 'an endless name', attributes: { ['x'.repeat(600)]: ['x'] }, says: /a name has 1 to 512 characters/ },
  { name: '128 KiB', attributes: { path: ['x'.repeat(131_072)] }, says: /attribute "path": at most 65536 characters/ },
  {
    name: '300 attributes',
    attributes: Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`a${i}`, ['x']])),
    says: /at most 256 are allowed, not 300/,
  },
];
for (const { name, attributes, says } of wrong) {
  test(`attributes with ${name} are refused`, (t) => {
    t.throws(() => checkAttributes(attributes), { code: 'INVALID_REQUEST', message: says });
  });
}

test('odd values are carried, they are for the policy to judge', (t) => {
  const attributes = { 'linux.user.name': ['a\nb', '../..', '%2e', '\u{fffd}'], clusterish: ['x'] };
  t.is(checkAttributes(attributes), attributes);
});

test('audiences and items are bounded', (t) => {
  t.throws(() => checkAudience([]), { code: 'INVALID_REQUEST' });
  t.throws(() => checkAudience(['']), { code: 'INVALID_REQUEST' });
  t.throws(() => checkAudience(Array.from({ length: 33 }, () => 'a')), { code: 'INVALID_REQUEST' });
  t.deepEqual(checkAudience(['a']), ['a']);
  t.throws(() => checkItemCount(0), { message: /1 to 500 are allowed, not 0/ });
  t.throws(() => checkItemCount(501), { code: 'INVALID_REQUEST' });
});
