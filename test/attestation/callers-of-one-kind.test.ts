import test from 'ava';
import fc from 'fast-check';
import { callerChain, callerChainAnew } from '../../bench/micro/tricks/knowing-callers.js';
import { fakePeer } from './fake-peer.js';

const READS = ['linux.*'];
const id = fc.constantFrom(0, 1_000, 1_001);
const calls = fc.array(
  fc.record({
    pid: fc.integer({ min: 2, max: 5 }),
    uid: id,
    gid: id,
    groups: fc.array(fc.constantFrom(4, 27, 1_000), { maxLength: 3 }),
    path: fc.constantFrom('/usr/bin/a', '/usr/bin/b', '/usr/bin/a (deleted)'),
    /** The account files change before the call. */
    renamed: fc.boolean(),
  }),
  { maxLength: 20 },
);

test('what is remembered of callers of one kind is what is found out about each anew', async (t) => {
  await fc.assert(
    fc.asyncProperty(calls, async (made) => {
      let users = new Map([[1_000, 'alice']]);
      const remembering = callerChain(() => users, READS);
      for (const [index, { path, renamed, ...process }] of made.entries()) {
        if (renamed) users = new Map([[1_000, `alice${index}`]]);
        const peer = fakePeer({ ...process, readLink: () => path });
        t.deepEqual(await remembering(peer), await callerChainAnew(users, READS)(peer));
      }
    }),
    { numRuns: 100 },
  );
});

test('callers of one kind get one object, and those whose names are read anew do not', async (t) => {
  const users = new Map([[0, 'root']]);
  const [remembering, anew] = [callerChain(() => users, READS), callerChainAnew(users, READS)];
  t.is(await remembering(fakePeer({ pid: 1 })), await remembering(fakePeer({ pid: 2 })));
  t.not(await anew(fakePeer()), await anew(fakePeer()));
});
