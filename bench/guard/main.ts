import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../rig/program.js';
import { ROWS } from '../rows.js';
import { compare, missingRows, verdictLine, type GuardBaseline } from './compare.js';
import { measureGuarded } from './guard-run.js';
import { GUARDED_FIGURES } from './guarded-figures.js';

// Fails when a guarded ratio is worse than in bench/results/baseline.json by more than its tolerance, twice.

const file = join(projectRoot, 'bench/results/baseline.json');
const { guard: baseline } = JSON.parse(readFileSync(file, 'utf8')) as { guard: GuardBaseline };
const progress = (): void => {};

const gone = missingRows(baseline, ROWS);
for (const id of gone) process.stdout.write(`  ✘ row ${id} is in the baseline and is not measured any more\n`);

let measured = await measureGuarded(ROWS, progress);
const suspects = compare(measured, baseline, GUARDED_FIGURES).filter(({ holds }) => !holds);
if (suspects.length > 0) {
  // A busy minute is no regression: what is worse is looked at once more, and only what is worse again counts.
  const rows = new Set(suspects.map(({ key }) => key.split(' ')[0] ?? ''));
  const again = await measureGuarded(ROWS, progress, rows);
  measured = {
    ...measured,
    ...Object.fromEntries(suspects.flatMap(({ key }) => (again[key] ? [[key, again[key]]] : []))),
  };
}
const verdicts = compare(measured, baseline, GUARDED_FIGURES);
process.stdout.write(`compared with ${baseline.about}\n`);
for (const verdict of verdicts) process.stdout.write(verdictLine(verdict));
process.exitCode = gone.length === 0 && verdicts.every(({ holds }) => holds) ? 0 : 1;
