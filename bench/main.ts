import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { jwtRow } from './micro/jwt.js';
import { mintRow } from './micro/mint.js';
import { reportPage, type RowResult } from './report/page.js';
import { printFigure } from './report/terminal.js';
import { projectRoot } from './rig/program.js';
import { fetchRow } from './rows/fetch.js';
import { growthRow } from './rows/growth.js';
import { mintOverWireRow } from './rows/mint-over-wire.js';
import { pushRow } from './rows/push.js';
import { startRow } from './rows/start.js';
import type { Effort, Row } from './row.js';

// usage: npm run bench -- [NAME …] [--quick] [--profile]

const ROWS: readonly Row[] = [mintRow, mintOverWireRow, jwtRow, fetchRow, pushRow, startRow, growthRow];

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
  results.push({ id: row.id, work: row.work, anchor: row.anchor, figures });
}

const now = new Date().toISOString();
const about = `${now.slice(0, 10)}, Node ${process.version}, ${cpus().length} cores (${process.arch}), ${quick ? 'quick run' : 'full run'}`;
const file = join(folder, now.replaceAll(':', '-'));
writeFileSync(`${file}.json`, `${JSON.stringify({ about, quick, rows: results }, undefined, 2)}\n`);
writeFileSync(`${file}.html`, reportPage(results, about));
process.stdout.write(`${about}\nwritten to ${file}.json and .html\n`);
if (args.includes('--profile')) process.stdout.write(`CPU profiles of the programs under test: ${profiles}\n`);
