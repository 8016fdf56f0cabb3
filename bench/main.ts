import { accessSync, constants, mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { keyOf, type GuardBaseline } from './guard/compare.js';
import { measureGuarded } from './guard/guard-run.js';
import { GUARDED_FIGURES } from './guard/guarded-figures.js';
import { measureRows } from './measure.js';
import { reportPage } from './report/page.js';
import { printedRows, printIntoDocs } from './report/printed-page.js';
import { leaveNothingBehind } from './rig/leftovers.js';
import { projectRoot } from './rig/program.js';
import { SharedDomain } from './rig/shared-domain.js';
import { spreadOf, type Effort, type Spread } from './row.js';
import { ROWS } from './rows.js';
import { readArguments } from './run-options.js';

const asked = readArguments(process.argv.slice(2), {
  name: 'npm run bench',
  rows: ROWS.map(({ id }) => id),
  flags: {
    quick: 'fewer rounds, shorter and smaller: to see that all works',
    profile: 'CPU profiles of the agent, the server and this program, in bench/results/profiles',
    'full-time': 'B8 as specified, which takes ten minutes',
    baseline: 'what the regression guard compares with and docs/performance.md shows is taken anew; all rows only',
  },
});
if ('say' in asked) {
  process[asked.exitCode === 0 ? 'stdout' : 'stderr'].write(asked.say);
  process.exit(asked.exitCode);
}
const quick = asked.has('quick');
const profile = asked.has('profile');
if (asked.has('baseline') && (quick || asked.rows.length > 0)) {
  process.stderr.write('a baseline is taken of all rows in full\n');
  process.exit(2);
}

const folder = join(projectRoot, 'bench/results');
const profiles = join(folder, 'profiles');
try {
  mkdirSync(profiles, { recursive: true });
  for (const path of [folder, profiles]) accessSync(path, constants.W_OK);
} catch (error) {
  // Better now than after twelve minutes.
  process.stderr.write(`results cannot be written: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(2);
}
leaveNothingBehind();

// Profiles are of one row each, so its programs are too.
const shared = quick && !profile ? new SharedDomain() : undefined;
const effortOf = ({ id }: { readonly id: string }): Effort => ({
  quick,
  fullTime: asked.has('full-time'),
  ...(profile && { profiling: { folder: profiles } }),
  ...(shared !== undefined && { shared }),
  rounds: quick ? 2 : 7,
  sampleMs: quick ? 80 : 1_000,
  progress: (text) => process.stderr.isTTY && process.stderr.write(`\r\u001b[K${id}: ${text} `),
});

// What a row did not wait for when something else of it failed: the row says so itself, and the others are measured all the same.
process.on('unhandledRejection', (error) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
});

const rows = ROWS.filter(({ id }) => asked.rows.length === 0 || asked.rows.includes(id));
const notMeasured = rows.flatMap((row) => (row.missing?.({ quick }) ?? []).map((missing) => `${row.id}: ${missing}`));
for (const missing of notMeasured) process.stderr.write(`NOT MEASURED: ${missing}\n`);
// Whoever asks for a row by its name wants all of it.
if (notMeasured.length > 0 && asked.rows.length > 0) process.exitCode = 3;
const results = await measureRows(rows, effortOf, (text) => {
  // What is printed takes the place of the progress line.
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
  process.stdout.write(text);
});
await shared?.stop();
if (results.some(({ failure }) => failure !== undefined)) process.exitCode = 1;

const now = new Date().toISOString();
const about = `${now.slice(0, 10)}, Node ${process.version}, ${cpus().length} cores (${process.arch}), ${quick ? 'quick run' : 'full run'}`;
const file = join(folder, now.replaceAll(':', '-'));
const report = { about, quick, rows: results, notMeasured };
writeFileSync(`${file}.json`, `${JSON.stringify(report, undefined, 2)}\n`);
writeFileSync(`${file}.html`, reportPage(results, about));
process.stdout.write(`${about}\nwritten to ${file}.json and .html\n`);
if (profile) process.stdout.write(`CPU profiles: ${profiles}\n`);
if (quick) process.stdout.write('a quick run sees mostly code that is still being compiled: judge by a full one\n');
if (asked.has('baseline') && results.some(({ failure }) => failure !== undefined)) {
  process.stdout.write('a row failed: the baseline stays as it is\n');
} else if (asked.has('baseline')) {
  const guard = await guardBaseline(about);
  writeFileSync(join(folder, 'baseline.json'), `${JSON.stringify({ ...report, guard }, undefined, 2)}\n`);
  printIntoDocs('bench', printedRows(about, results));
  process.stdout.write('this is the baseline now, and printed in docs/performance.md\n');
}

/** The guarded figures as the guard measures them: the middle one of three runs. */
async function guardBaseline(from: string): Promise<GuardBaseline> {
  const runs: Readonly<Record<string, Spread>>[] = [];
  for (let run = 1; run <= 3; run++)
    runs.push(
      await measureGuarded(ROWS, effortOf({ id: `guard ${run} of 3` }).progress, (text) => process.stdout.write(text)),
    );
  const figures = GUARDED_FIGURES.map((one) => {
    const medians = runs.map((measured) => measured[keyOf(one)]?.median ?? NaN);
    return [keyOf(one), spreadOf(medians)] as const;
  });
  return { about: from, rows: ROWS.map(({ id }) => id), figures: Object.fromEntries(figures) };
}
