import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { reportPage, type RowResult } from './report/page.js';
import { printFigure, printUsages } from './report/terminal.js';
import { projectRoot, takeUsages } from './rig/program.js';
import type { Effort } from './row.js';
import { ROWS } from './rows.js';

// usage: npm run bench -- [NAME …] [--quick] [--profile] [--full-time]

const args = process.argv.slice(2);
const quick = args.includes('--quick');
const names = args.filter((arg) => !arg.startsWith('--')).map((name) => name.toUpperCase());
const unknown = names.filter((name) => !ROWS.some(({ id }) => id === name));
if (unknown.length > 0) {
  process.stderr.write(`no such row: ${unknown.join(', ')} (there are ${ROWS.map(({ id }) => id).join(', ')})\n`);
  process.exit(2);
}

const folder = join(projectRoot, 'bench/results');
const profiles = join(folder, 'profiles');
mkdirSync(profiles, { recursive: true });

const effortOf = (id: string): Effort => ({
  quick,
  fullTime: args.includes('--full-time'),
  ...(args.includes('--profile') && { profiling: { folder: profiles } }),
  rounds: quick ? 3 : 9,
  sampleMs: quick ? 200 : 1_000,
  progress: (text) => process.stderr.isTTY && process.stderr.write(`\r\u001b[K${id}: ${text} `),
});

const results: RowResult[] = [];
for (const row of ROWS.filter(({ id }) => names.length === 0 || names.includes(id))) {
  process.stdout.write(`${row.id}  ${row.work}\n    against ${row.anchor}\n`);
  const figures = await row.measure(effortOf(row.id));
  for (const figure of figures) process.stdout.write(printFigure(figure));
  const programs = takeUsages();
  process.stdout.write(printUsages(programs));
  results.push({ id: row.id, work: row.work, anchor: row.anchor, figures, programs });
}

const now = new Date().toISOString();
const about = `${now.slice(0, 10)}, Node ${process.version}, ${cpus().length} cores (${process.arch}), ${quick ? 'quick run' : 'full run'}`;
const file = join(folder, now.replaceAll(':', '-'));
writeFileSync(`${file}.json`, `${JSON.stringify({ about, quick, rows: results }, undefined, 2)}\n`);
writeFileSync(`${file}.html`, reportPage(results, about));
process.stdout.write(`${about}\nwritten to ${file}.json and .html\n`);
if (args.includes('--profile')) process.stdout.write(`CPU profiles of the programs under test: ${profiles}\n`);
