import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { JWT_PATH, jwtRequest, X509_PATH } from '../load/requests.js';
import type { WorkloadLoad } from '../load/workloads.js';
import { leaveNothingBehind } from '../rig/leftovers.js';
import { LoadProcess } from '../rig/load-process.js';
import { projectRoot } from '../rig/program.js';
import { freePort, TrustDomain } from '../rig/trust-domain.js';
import { reportPage } from '../report/page.js';
import { printedRows, printIntoDocs } from '../report/printed-page.js';
import { printFigure } from '../report/terminal.js';
import type { Effort, Figure } from '../row.js';
import { readArguments } from '../run-options.js';
import { compareFetching } from './fetching.js';
import { compareMinting } from './minting.js';
import { MANY_USERS, type Stage } from './sides.js';
import { compareStarts } from './starting.js';
import { Spire, SPIRE_FOLDER } from './spire.js';
import { compareFootprint, compareStreaming } from './streaming.js';

// Builds SPIRE once, then the same work on it and on this project, side by side. Wants root: many identities are many users.

/** In this order; what a part needs of its own, agents among it, it starts itself. */
const PARTS: readonly { readonly rows: readonly string[]; readonly compare: (stage: Stage) => Promise<Figure[]> }[] = [
  { rows: ['B3'], compare: compareMinting },
  { rows: ['B5'], compare: compareFetching },
  { rows: ['B6', 'B7'], compare: compareStreaming },
  { rows: ['B7'], compare: compareFootprint },
  { rows: ['B9'], compare: compareStarts },
];

const asked = readArguments(
  process.argv.slice(2).filter((arg) => arg !== '--peers'),
  {
    name: 'npm run bench:peers',
    rows: [...new Set(PARTS.flatMap(({ rows }) => rows))],
    flags: {
      quick: 'shorter and fewer rounds',
      baseline: 'prints what was measured into docs/performance.md; all rows only',
    },
  },
);
if ('say' in asked) {
  process[asked.exitCode === 0 ? 'stdout' : 'stderr'].write(asked.say);
  process.exit(asked.exitCode);
}
const quick = asked.has('quick');
if (asked.has('baseline') && (quick || asked.rows.length > 0)) {
  process.stderr.write('what the page shows is taken of all rows in full\n');
  process.exit(2);
}
if (process.getuid?.() !== 0) {
  process.stderr.write('run it as root: many identities are many users\n');
  process.exit(2);
}
leaveNothingBehind();
execFileSync(join(projectRoot, 'bench/peers/build-spire.sh'), [SPIRE_FOLDER], { stdio: 'inherit' });

const effort: Effort = {
  quick,
  rounds: quick ? 2 : 4,
  sampleMs: quick ? 600 : 2_500,
  progress: (text) => process.stderr.isTTY && process.stderr.write(`\r\u001b[K${text} `),
};

async function openStage(): Promise<Stage> {
  const spirePort = await freePort();
  const domain = await TrustDomain.start();
  const users = Array.from({ length: MANY_USERS.count }, (_, i) => MANY_USERS.first + i);
  const spire = await Spire.start(spirePort, users);
  const agents = { own: await domain.startAgent(), spire: await spire.startAgent(spirePort) };
  const load = new LoadProcess<WorkloadLoad>('load/workloads.js');
  for (const { socket } of [agents.own, agents.spire]) {
    await load.do('first', socket, X509_PATH, Buffer.alloc(0));
    await load.do('first', socket, JWT_PATH, jwtRequest('bench'));
  }
  await load.stop();
  return { domain, spire, spirePort, agents, effort };
}

const stage = await openStage();
const figures: Figure[] = [];
try {
  process.stdout.write('This project over SPIRE, same work, same run\n');
  for (const { rows, compare } of PARTS) {
    if (asked.rows.length > 0 && !rows.some((row) => asked.rows.includes(row))) continue;
    const added = await compare(stage);
    effort.progress('');
    for (const figure of added) process.stdout.write(printFigure(figure));
    figures.push(...added);
  }
} finally {
  await Promise.all([stage.domain.stop(), stage.spire.stop()]);
}
const now = new Date().toISOString();
const about = `${now.slice(0, 10)}, Node ${process.version}, ${cpus().length} cores (${process.arch}), SPIRE 1.15.3, ${quick ? 'quick run' : 'full run'}`;
const folder = join(projectRoot, 'bench/results');
mkdirSync(folder, { recursive: true });
const file = join(folder, `peers-${now.replaceAll(':', '-')}`);
const row = { id: 'SPIRE', work: 'this project over SPIRE, same work, same run', anchor: 'SPIRE 1.15.3', figures };
writeFileSync(`${file}.json`, `${JSON.stringify({ about, quick, figures }, undefined, 2)}\n`);
writeFileSync(`${file}.html`, reportPage([row], about));
process.stdout.write(`${about}\nwritten to ${file}.json and .html\n`);
if (asked.has('baseline')) printIntoDocs('peers', printedRows(about, [row]));
