import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { leaveNothingBehind } from '../rig/leftovers.js';
import { projectRoot } from '../rig/program.js';
import { spreadOf } from '../row.js';
import { ROWS } from '../rows.js';
import { compare, keyOf, missingRows, verdictLine, type GuardBaseline } from './compare.js';
import { measureGuarded } from './guard-run.js';
import { GUARDED_FIGURES } from './guarded-figures.js';
import { readBaseline } from './read-baseline.js';

// Fails when a guarded ratio is worse than in bench/results/baseline.json by more than its tolerance, twice.
const USAGE = `usage: node build/bench/guard/main.js [--spread RUNS]
  --spread RUNS  shows how far repeated runs lie apart, which is what the tolerances were chosen from; compares nothing
`;

const silent = (): void => {};
const tell = (text: string): void => void process.stdout.write(text);
const [flag, runs, ...rest] = process.argv.slice(2);
const isSpread = flag === '--spread' && Number.isSafeInteger(Number(runs)) && Number(runs) > 0 && rest.length === 0;
if (flag === undefined || isSpread) {
  leaveNothingBehind();
  if (isSpread) await showSpread(Number(runs));
  else process.exitCode = await guard();
} else {
  process[flag === '--help' ? 'stdout' : 'stderr'].write(USAGE);
  process.exitCode = flag === '--help' ? 0 : 2;
}

/** The exit code: 0 when all holds, 1 when something does not, 2 when there is nothing to compare with. */
async function guard(): Promise<0 | 1 | 2> {
  const file = join(projectRoot, 'bench/results/baseline.json');
  let baseline: GuardBaseline;
  try {
    baseline = readBaseline(readFileSync(file, 'utf8'));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    process.stderr.write(`no baseline in ${file}: ${why}; "npm run bench -- --baseline" takes one\n`);
    return 2;
  }
  const gone = missingRows(baseline, ROWS);
  for (const id of gone) process.stdout.write(`  ✘ row ${id} is in the baseline and is not measured any more\n`);
  let measured = await measureGuarded(ROWS, silent, tell);
  const suspects = compare(measured, baseline, GUARDED_FIGURES).filter(({ holds }) => !holds);
  if (suspects.length > 0) {
    // A busy minute is no regression: what is worse is looked at once more, and only what is worse again counts.
    const again = await measureGuarded(ROWS, silent, tell, new Set(suspects.map(({ key }) => key.split(' ')[0] ?? '')));
    for (const { key } of suspects) measured = { ...measured, ...(again[key] !== undefined && { [key]: again[key] }) };
  }
  const verdicts = compare(measured, baseline, GUARDED_FIGURES);
  process.stdout.write(`compared with ${baseline.about}\n`);
  for (const verdict of verdicts) process.stdout.write(verdictLine(verdict));
  return gone.length === 0 && verdicts.every(({ holds }) => holds) ? 0 : 1;
}

async function showSpread(runs: number): Promise<void> {
  const all: Awaited<ReturnType<typeof measureGuarded>>[] = [];
  for (let run = 1; run <= runs; run++) {
    process.stderr.write(`run ${run} of ${runs}\n`);
    all.push(await measureGuarded(ROWS, silent, tell));
  }
  for (const one of GUARDED_FIGURES) {
    const { median, min, max } = spreadOf(all.flatMap((measured) => measured[keyOf(one)]?.median ?? []));
    const worst = one.better === 'greater' ? median / min - 1 : max / median - 1;
    const shown = `${median.toFixed(3)} [${min.toFixed(3)}-${max.toFixed(3)}]`.padEnd(24);
    process.stdout.write(
      `  ${keyOf(one).padEnd(72)} ${shown} worst ${(worst * 100).toFixed(0)} % of ${one.tolerance * 100} %\n`,
    );
  }
}
