import { availableParallelism } from 'node:os';
import test from 'ava';
import pLimit from 'p-limit';
import { runFaults } from './fault-run.js';
import { axisOf, FAULT_ROWS, titleOf, TRIED, type Tried } from './fault-table.js';
import { startLab, type Lab } from './lab.js';

// What docs/custody-faults.md states, tried: every fault at every provider in three phases.

let lab: Lab;
test.before(async () => {
  lab = await startLab();
});
test.after.always(() => lab.stop());

const limit = pLimit(Math.min(4, Math.max(2, availableParallelism())));
for (const provider of Object.keys(TRIED) as Tried[]) {
  const stated = FAULT_ROWS.filter((row) => row.provider === provider);
  test(`${axisOf(provider)}, ${titleOf(provider)}: each fault comes to what is stated, at start, rotation and in steady state`, async (t) => {
    // Waiting for its turn counts.
    t.timeout(900_000);
    t.deepEqual(await limit(() => runFaults(provider, lab)), stated);
    t.true(lab.secrets.check() > 1_000);
  });
}
