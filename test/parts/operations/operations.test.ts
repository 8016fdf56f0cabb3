import test from 'ava';
import { Cleanup, startLab, type Lab } from '../custody/lab.js';
import { runPage } from './page-run.js';
import { runRunningPage } from './running-page.js';
import { STAGES } from './stages.js';

// The operators' pages, done as they are printed: configuration, commands, what programs say. Names of machines, files and keys stand for
// those of the lab (stages.ts); what is marked in a page as not run is left out.

let lab: Lab;
test.before(async () => {
  lab = await startLab();
});
test.after.always(() => lab.stop());

for (const page of Object.keys(STAGES) as (keyof typeof STAGES)[]) {
  test.serial(`${page}: every command does what the page says`, async (t) => {
    t.timeout(180_000);
    const cleanup = new Cleanup();
    try {
      const { commands, configurations } = await runPage(page, await STAGES[page](lab, cleanup), lab, cleanup);
      t.true(commands > 0);
      t.log(`${commands} blocks of commands, ${configurations} configurations`);
    } finally {
      await cleanup.all();
    }
  });
}

test.serial('running.md: server, cluster and agent come up as the page says', async (t) => {
  t.timeout(120_000);
  const cleanup = new Cleanup();
  try {
    t.regex(await runRunningPage(cleanup), /spiffe:\/\/example\.org\//);
  } finally {
    await cleanup.all();
  }
});
