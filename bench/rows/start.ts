import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { X509_PATH } from '../load/requests.js';
import type { WorkloadLoad } from '../load/workloads.js';
import { LoadProcess } from '../rig/load-process.js';
import { manyUsers } from '../rig/many-users.js';
import { projectRoot } from '../rig/program.js';
import { leaveDomain, openDomain } from '../rig/shared-domain.js';
import type { Agent, TrustDomain } from '../rig/trust-domain.js';
import { spreadOf, type Effort, type Figure, type Row } from '../row.js';
import { shuffled } from '../rounds.js';

const EMPTY = '';
const IMPORT_GRPC = `import '@grpc/grpc-js';`;
const POLL_MS = 5;
/** Identities on the node in the second case. */
const MANY = 1_000;

/** Milliseconds from exec to the end of a Node program. */
async function runProgram(source: string): Promise<number> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], { cwd: projectRoot, stdio: 'inherit' });
  await once(child, 'exit');
  return performance.now() - startedAt;
}

const identitiesOf = ({ quick }: Effort): number => (quick ? MANY / 10 : MANY);

/** Wall-clock milliseconds since the epoch, with fractions. */
const wallNow = (): number => performance.timeOrigin + performance.now();

/** Milliseconds from exec of a new agent, which has to log in first, to its first SVID. */
async function firstSvid(domain: TrustDomain, load: LoadProcess<WorkloadLoad>): Promise<number> {
  const startedAt = wallNow();
  const agent = domain.launchAgent();
  const servedAt = await load.do('untilServed', agent.socket, POLL_MS);
  await agent.program.stop();
  return servedAt - startedAt;
}

/** Milliseconds from exec of an agent, which has to log in first. */
export interface ManyServed {
  /** Until the first of the many callers had its SVID. */
  readonly first: number;
  /** Until every one of them had its own. */
  readonly all: number;
}

/** Executes an agent while the workloads of many users ask for their SVIDs, 32 at a time. */
export async function startUnderMany(
  load: LoadProcess<WorkloadLoad>,
  sockets: readonly string[],
  launch: () => Agent,
): Promise<ManyServed> {
  const startedAt = wallNow();
  const agent = launch();
  const { firstAt, allAt } = await load.do('untilAllServed', sockets, POLL_MS);
  await agent.program.stop();
  return { first: firstAt - startedAt, all: allAt - startedAt };
}

async function startsUnderMany(
  domain: TrustDomain,
  load: LoadProcess<WorkloadLoad>,
  effort: Effort,
): Promise<readonly ManyServed[]> {
  const samples: ManyServed[] = [];
  for (let round = 1; round <= (effort.quick ? 1 : 3); round++) {
    const { socket, launch } = domain.prepareAgent();
    const users = await manyUsers(socket, domain.dir, identitiesOf(effort));
    samples.push(await startUnderMany(load, users.sockets, launch));
    users.stop();
  }
  return samples;
}

/** Milliseconds to the first SVID of identities that a quiet agent has never met, one after the other. */
async function coldIdentities(domain: TrustDomain, load: LoadProcess<WorkloadLoad>): Promise<number[]> {
  const agent = await domain.startAgent();
  const users = await manyUsers(agent.socket, domain.dir, COLD, 60_000);
  const times: number[] = [];
  for (const socket of users.sockets) {
    const begun = wallNow();
    await load.do('first', socket, X509_PATH, Buffer.alloc(0));
    times.push(wallNow() - begun);
  }
  users.stop();
  await agent.program.stop();
  return times;
}

const COLD = 40;

/** Milliseconds from the call that changes the policy to the new SVID on an open stream. */
async function policyServed(domain: TrustDomain, load: LoadProcess<WorkloadLoad>, rounds: number): Promise<number[]> {
  const agent = await domain.startAgent();
  await load.do('open', [agent.socket], 1);
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    // The gate of renewals lets a batch go every 200 ms: the change before is not to be felt.
    await new Promise((resolve) => setTimeout(resolve, 500 + Math.random() * 500));
    await load.do('forget');
    const startedAt = wallNow();
    await domain.setPath(`/v${round}/{{linux.user.id}}`);
    await load.do('arrived', 1);
    times.push((await load.do('newest')) - startedAt);
  }
  await domain.setPath('/uid/{{linux.user.id}}');
  await load.do('closeAll');
  await agent.program.stop();
  return times;
}

async function measure(effort: Effort): Promise<readonly Figure[]> {
  const domain = await openDomain(effort);
  const load = new LoadProcess<WorkloadLoad>('load/workloads.js');
  try {
    const cases = {
      empty: () => runProgram(EMPTY),
      grpc: () => runProgram(IMPORT_GRPC),
      agent: () => firstSvid(domain, load),
    };
    const samples: Record<keyof typeof cases, number[]> = { empty: [], grpc: [], agent: [] };
    for (let round = 1; round <= effort.rounds; round++) {
      for (const name of shuffled(Object.keys(cases) as (keyof typeof cases)[])) {
        effort.progress(`round ${round} of ${effort.rounds}: ${name}`);
        samples[name].push(await cases[name]());
      }
    }
    effort.progress('policy changes');
    const policy = await policyServed(domain, load, effort.quick ? 2 : 10);
    const figures = startFigures(samples, policy);
    if (process.getuid?.() !== 0) return figures;
    effort.progress('many identities');
    const many = await startsUnderMany(domain, load, effort);
    effort.progress('new identities');
    const cold = await coldIdentities(domain, load);
    return [...figures, ...identityFigures(identitiesOf(effort), many, cold, samples.grpc)];
  } finally {
    await load.stop();
    await leaveDomain(domain, effort);
  }
}

function startFigures(samples: Record<'empty' | 'grpc' | 'agent', number[]>, policy: readonly number[]): Figure[] {
  const against = (anchor: readonly number[]): number[] => samples.agent.map((ms, i) => ms / (anchor[i] ?? NaN));
  const ms = (values: readonly number[]): string => `${spreadOf(values).median.toFixed(0)} ms`;
  return [
    {
      name: 'exec to first SVID, of the import of grpc-js',
      ratios: against(samples.grpc),
      target: { is: 'at most', value: 2 },
      absolute: { agent: ms(samples.agent), 'import of grpc-js': ms(samples.grpc), 'empty program': ms(samples.empty) },
    },
    { name: 'exec to first SVID, of an empty program', ratios: against(samples.empty), absolute: {} },
    {
      name: 'policy change to served, of 100 ms',
      ratios: policy.map((value) => value / 100),
      target: { is: 'at most', value: 1 },
      absolute: { 'policy change': ms(policy) },
    },
  ];
}

function identityFigures(
  count: number,
  many: readonly ManyServed[],
  cold: readonly number[],
  grpc: readonly number[],
): Figure[] {
  const anchor = spreadOf(grpc).median;
  const median = (values: readonly number[]): number => spreadOf(values).median;
  return [
    {
      name: `exec to first SVID, ${count} identities asking`,
      ratios: many.map(({ first }) => first / anchor),
      absolute: {
        first: `${median(many.map(({ first }) => first)).toFixed(0)} ms`,
        all: `${median(many.map(({ all }) => all)).toFixed(0)} ms`,
      },
    },
    {
      name: 'new identity, cold, p50 of 10 ms',
      ratios: [median(cold) / 10],
      target: { is: 'at most', value: 1 },
      absolute: { p50: `${median(cold).toFixed(2)} ms`, most: `${Math.max(...cold).toFixed(1)} ms` },
    },
  ];
}

export const startRow: Row = {
  id: 'B9',
  work: 'start of the agent (exec to first SVID, login included); new identity; policy change to served',
  anchor: 'a Node program that imports grpc-js and ends; fixed times',
  missing: () => (process.getuid?.() === 0 ? [] : ['many identities and new ones: each is a user, run it as root']),
  measure,
};
