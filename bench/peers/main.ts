import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { JWT_PATH, jwtRequest, X509_PATH } from '../load/requests.js';
import type { WorkloadLoad } from '../load/workloads.js';
import { LoadProcess } from '../rig/load-process.js';
import { projectRoot } from '../rig/program.js';
import { freePort, TrustDomain, type Agent } from '../rig/trust-domain.js';
import { cpuSeconds, memoryKib } from '../rig/usage.js';
import { inRounds, ratiosOf, shuffled } from '../rounds.js';
import { printFigure } from '../report/terminal.js';
import { sampleFetches, type FetchSample } from '../rows/fetch.js';
import type { Effort, Figure } from '../row.js';
import { spreadOf } from '../row.js';
import { Spire, SPIRE_FOLDER } from './spire.js';

// usage: npm run bench:peers -- [B5 B6 B9] [--quick]
// Builds SPIRE once, then the same work on it and on this project, side by side.

const args = process.argv.slice(2);
const quick = args.includes('--quick');
const names = args.filter((arg) => !arg.startsWith('--')).map((name) => name.toUpperCase());
const wanted = (name: string): boolean => names.length === 0 || names.includes(name);

execFileSync(join(projectRoot, 'bench/peers/build-spire.sh'), [SPIRE_FOLDER], { stdio: 'inherit' });

const effort: Effort = {
  quick,
  rounds: quick ? 3 : 9,
  sampleMs: quick ? 1_000 : 3_000,
  progress: (text) => process.stderr.isTTY && process.stderr.write(`\r${text} `),
};

interface Sides {
  readonly own: Agent;
  readonly spire: Agent;
  readonly load: LoadProcess<WorkloadLoad>;
}

type Side = 'own' | 'spire';

async function fetches({ own, spire, load }: Sides): Promise<Figure[]> {
  const agents = { own, spire };
  const kinds = {
    'X.509, 1 at a time': ['x509', 1],
    'X.509, 32 at a time': ['x509', 32],
    'cached JWT': ['jwt', 1],
  } as const;
  const cases: Record<string, (ms: number) => Promise<FetchSample>> = {};
  for (const [name, [kind, inFlight]] of Object.entries(kinds)) {
    for (const side of ['own', 'spire'] as const) {
      const { program, socket } = agents[side];
      cases[`${side} ${name}`] = (ms) => sampleFetches(load, { pid: program.pid, socket }, kind, inFlight, ms);
    }
  }
  const samples = await inRounds(cases, effort);
  const most: Record<string, number> = { 'X.509, 1 at a time': 1, 'X.509, 32 at a time': 0.75 };
  return Object.keys(kinds).flatMap((name) => {
    const [a, b] = [samples[`own ${name}`] ?? [], samples[`spire ${name}`] ?? []];
    return (['cpuUs', 'p50', 'p99'] as const).map((field): Figure => {
      const target = field === 'cpuUs' ? most[name] : undefined;
      const shown = (side: readonly FetchSample[]): string =>
        spreadOf(side.map((s) => s[field])).median.toFixed(field === 'cpuUs' ? 0 : 2);
      return {
        name: `B5 ${name}: ${field === 'cpuUs' ? 'CPU per fetch' : field}`,
        ratios: ratiosOf(a, b, field),
        ...(target !== undefined && { target: { is: 'at most', value: target } }),
        absolute: { own: shown(a), SPIRE: shown(b), unit: field === 'cpuUs' ? 'us' : 'ms' },
      };
    });
  });
}

async function streams({ own, spire }: Sides, updates: Record<Side, () => Promise<void>>): Promise<Figure[]> {
  const count = quick ? 1_000 : 5_000;
  const agents = { own, spire };
  const result: Record<Side, { perStream: number; wallMs: number; cpu: number }> = { own: zero(), spire: zero() };
  for (const side of ['own', 'spire'] as const) {
    effort.progress(`${count} streams of ${side}`);
    const { program, socket } = agents[side];
    const load = new LoadProcess<WorkloadLoad>('load/workloads.js');
    const before = memoryKib(program.pid).resident;
    await load.do('open', [socket], count);
    result[side].perStream = (memoryKib(program.pid).resident - before) / count;
    await load.do('forget');
    const cpu = cpuSeconds(program.pid);
    const updating = updates[side]();
    result[side].wallMs = (await load.do('arrived', 1)).firstToLastMs;
    result[side].cpu = cpuSeconds(program.pid) - cpu;
    await updating;
    await load.stop();
  }
  const figure = (name: string, field: keyof (typeof result)['own'], unit: string): Figure => ({
    name,
    ratios: [result.own[field] / result.spire[field]],
    target: { is: 'at most', value: 1 },
    absolute: { own: result.own[field].toFixed(2), SPIRE: result.spire[field].toFixed(2), unit },
  });
  return [
    figure(`B6 update to ${count} streams, first to last`, 'wallMs', 'ms'),
    figure(`B6 update to ${count} streams, CPU`, 'cpu', 's'),
    figure(`B7 memory per stream of ${count}`, 'perStream', 'KiB'),
  ];
}

function zero() {
  return { perStream: 0, wallMs: 0, cpu: 0 };
}

async function starts(
  domain: TrustDomain,
  spire: Spire,
  port: number,
  load: LoadProcess<WorkloadLoad>,
): Promise<Figure[]> {
  const times: Record<Side, number[]> = { own: [], spire: [] };
  for (let round = 1; round <= effort.rounds; round++) {
    for (const side of shuffled(['own', 'spire'] as const)) {
      effort.progress(`start ${round} of ${effort.rounds}: ${side}`);
      const launch = side === 'own' ? () => domain.launchAgent() : await spire.prepareAgent(port);
      // SPIRE's server takes the new agent's entries in every 5 s; that is not what is measured here.
      if (side === 'spire') await new Promise((resolve) => setTimeout(resolve, 6_000));
      const startedAt = performance.timeOrigin + performance.now();
      const agent = launch();
      times[side].push((await load.do('untilServed', agent.socket, 5)) - startedAt);
      await agent.program.stop();
    }
  }
  const ms = (side: Side): string => spreadOf(times[side]).median.toFixed(0);
  return [
    {
      name: 'B9 exec to first SVID',
      ratios: times.own.map((value, i) => value / (times.spire[i] ?? NaN)),
      absolute: { own: ms('own'), SPIRE: ms('spire'), unit: 'ms' },
    },
  ];
}

const port = await freePort();
const domain = await TrustDomain.start();
const spire = await Spire.start(port);
const load = new LoadProcess<WorkloadLoad>('load/workloads.js');
try {
  const sides: Sides = { own: await domain.startAgent(), spire: await spire.startAgent(port), load };
  for (const { socket } of [sides.own, sides.spire]) {
    await load.do('first', socket, X509_PATH, Buffer.alloc(0));
    await load.do('first', socket, JWT_PATH, jwtRequest('bench'));
  }
  const updates = {
    own: async () => {
      await domain.admin.call('trustdomain.PrepareDeploymentKeySet', {
        deployment: { trustDomain: 'bench.test', deploymentName: 'bench' },
      });
    },
    spire: () => spire.changeBundle(),
  };
  const figures = [
    ...(wanted('B5') ? await fetches(sides) : []),
    ...(wanted('B6') ? await streams(sides, updates) : []),
    ...(wanted('B9') ? await starts(domain, spire, port, load) : []),
  ];
  process.stdout.write('This project over SPIRE, same work, same run\n');
  for (const figure of figures) process.stdout.write(printFigure(figure));
  const folder = join(projectRoot, 'bench/results');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `peers-${new Date().toISOString().replaceAll(':', '-')}.json`);
  writeFileSync(file, `${JSON.stringify({ node: process.version, figures }, undefined, 2)}\n`);
  process.stdout.write(`written to ${file}\n`);
} finally {
  await load.stop();
  await Promise.all([domain.stop(), spire.stop()]);
}
