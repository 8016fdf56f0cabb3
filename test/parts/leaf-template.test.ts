import test from 'ava';
import fc from 'fast-check';
import { leafByLibrary } from '../../bench/micro/tricks/plain-minting.js';
import { WorkloadKeys } from '../../server-stub/src/signer/workload-key.js';
import { byTemplate, leaves } from '../server-stub/signer/random-leaves.js';

// The unit test of the same does it for as many as take no time.

test('of thousands of random certificates each by template is the one the library encodes, octet by octet', async (t) => {
  const workloadKeys = new WorkloadKeys();
  await fc.assert(
    fc.asyncProperty(leaves, async (leaf) => {
      const { publicPoint } = workloadKeys.next();
      return byTemplate(leaf, publicPoint).equals(await leafByLibrary(leaf, publicPoint));
    }),
    { numRuns: 5_000 },
  );
  t.pass();
});
