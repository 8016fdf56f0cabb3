import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { jwtRow } from './micro/jwt.js';
import { mintRow } from './micro/mint.js';
import { fetchRow } from './rows/fetch.js';
import { startRow } from './rows/start.js';
import { reached, spreadOf, type Figure, type Row } from './row.js';

// usage: npm run bench -- [NAME …] [--quick] [--profile]

const ROWS: readonly Row[] = [mintRow, jwtRow, fetchRow, startRow];

const args = process.argv.slice(2);
const quick = args.includes('--quick');
const names = args.filter((arg) => !arg.startsWith('--')).map((name) => name.toUpperCase());
const unknown = names.filter((name) => !ROWS.some(({ id }) => id === name));
if (unknown.length > 0) {
  process.stderr.write(`no such row: ${unknown.join(', ')} (there are ${ROWS.map(({ id }) => id).join(', ')})\n`);
  process.exit(2);
}

const line = ({ name, ratios, target, absolute }: Figure): string => {
  const { median, min, max } = spreadOf(ratios);
  const wanted = target === undefined ? '' : `${target.is} ${target.value}`;
  const verdict = { true: 'reached', false: 'MISSED', undefined: '' }[
    String(reached({ name, ratios, target, absolute } as Figure))
  ];
  const notes = Object.entries(absolute).map(([key, value]) => `${key} ${value}`);
  return `  ${name.padEnd(44)} ${median.toFixed(3).padStart(8)} [${min.toFixed(3)}-${max.toFixed(3)}]  ${wanted.padEnd(14)} ${(verdict ?? '').padEnd(8)} ${notes.join(', ')}`;
};

const folder = fileURLToPath(new URL('../../bench/results/', import.meta.url));
const profiles = join(folder, 'profiles');
const results: object[] = [];
for (const row of ROWS.filter(({ id }) => names.length === 0 || names.includes(id))) {
  process.stdout.write(`${row.id}  ${row.work}\n    against ${row.anchor}\n`);
  const figures = await row.measure({
    quick,
    ...(args.includes('--profile') && { profiling: { folder: profiles } }),
    rounds: quick ? 3 : 9,
    sampleMs: quick ? 200 : 500,
    progress: (text) => process.stderr.isTTY && process.stderr.write(`\r${row.id}: ${text} `),
  });
  for (const figure of figures) process.stdout.write(`${line(figure)}\n`);
  results.push({ id: row.id, work: row.work, anchor: row.anchor, figures });
}

mkdirSync(folder, { recursive: true });
const file = `${folder}${new Date().toISOString().replaceAll(':', '-')}.json`;
writeFileSync(file, `${JSON.stringify({ node: process.version, rows: results }, undefined, 2)}\n`);
process.stdout.write(`written to ${file}\n`);
