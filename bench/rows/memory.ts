import { join } from 'node:path';
import type { BareServer } from '../anchor/bare-http2.js';
import { X509_PATH } from '../load/requests.js';
import type { WorkloadLoad } from '../load/workloads.js';
import { LoadProcess } from '../rig/load-process.js';
import { manyUsers } from '../rig/many-users.js';
import { leaveDomain, openDomain } from '../rig/shared-domain.js';
import type { TrustDomain } from '../rig/trust-domain.js';
import { cpuSeconds, memoryKib } from '../rig/usage.js';
import { sizeOf, warmUpMs, type Effort, type Figure, type Row } from '../row.js';
import { bundleUpdates } from './push.js';

const STREAMS = { full: 5_000, guarded: 2_000, quick: 400 };
const IDENTITIES = 1_000;
const QUICK_IDENTITIES = 100;
/** MiB of SPIRE's agent with 1,000 SVIDs and 1,000 streams, and after an update; share of a core that it takes when idle. */
const SPIRE_SEEN = { open: 126.5, updated: 136 };
const MOST_IDLE = 0.005;
const EMPTY = Buffer.alloc(0);

/** What an agent that serves as many identities as streams takes. */
export interface Footprint {
  readonly openMib: number;
  readonly updatedMib: number;
  /** Share of a core. */
  readonly idle: number;
}

/** One stream for each of `sockets`, one update, and quiet. */
export async function footprintOf(
  pid: number,
  sockets: readonly string[],
  update: () => Promise<unknown>,
  idleMs: number,
): Promise<Footprint> {
  const load = new LoadProcess<WorkloadLoad>('load/workloads.js');
  await load.do('open', sockets, sockets.length);
  await new Promise((resolve) => setTimeout(resolve, Math.min(1_000, idleMs / 3)));
  const openMib = memoryKib(pid).resident / 1024;
  const idle = await idleShare(pid, idleMs);
  await load.do('forget');
  await Promise.all([update(), load.do('arrived', 1)]);
  const updatedMib = memoryKib(pid).resident / 1024;
  await load.do('closeAll');
  await load.stop();
  return { openMib, updatedMib, idle };
}

/** Share of one core that a process takes when nothing happens. */
async function idleShare(pid: number, ms: number): Promise<number> {
  const before = cpuSeconds(pid);
  await new Promise((resolve) => setTimeout(resolve, ms));
  return (cpuSeconds(pid) - before) / (ms / 1_000);
}

/**
 * Opens `count` streams, and tells how much resident memory each of them takes, in KiB. The first quarter is not counted: those find
 * room that is resident already, and would look as if they took none.
 */
export async function openedKib(
  load: LoadProcess<WorkloadLoad>,
  pid: number,
  socket: string,
  count: number,
): Promise<number> {
  await load.do('open', [socket], count / 4);
  const before = memoryKib(pid).resident;
  const rest = (count * 3) / 4;
  await load.do('open', [socket], rest);
  return (memoryKib(pid).resident - before) / rest;
}

/** What each of `count` streams takes after work to warm up. */
async function perStreamKib(pid: number, socket: string, count: number, warmMs: number): Promise<number> {
  const load = new LoadProcess<WorkloadLoad>('load/workloads.js');
  const loop = { sockets: [socket], path: X509_PATH, body: EMPTY, inFlight: 8, ms: warmMs } as const;
  await load.do('loop', { ...loop, connectionPer: 'call' });
  const perStream = await openedKib(load, pid, socket, count);
  await load.do('closeAll');
  await load.stop();
  return perStream;
}

async function measure(effort: Effort): Promise<readonly Figure[]> {
  const domain = await openDomain(effort);
  try {
    const identities = effort.quick ? QUICK_IDENTITIES : IDENTITIES;
    effort.progress(`${identities} identities`);
    const footprint = await manyIdentities(domain, identities, effort.quick ? 1_000 : 10_000);
    const count = sizeOf(effort, STREAMS);
    const ratios: number[] = [];
    const shown: Record<string, string> = {};
    for (let round = 1; round <= (effort.quick ? 1 : 3); round++) {
      effort.progress(`${round}: 2 x ${count} streams`);
      const { agent, bare: anchor } = await bothPerStream(domain, count, warmUpMs(effort));
      ratios.push(agent / anchor);
      Object.assign(shown, { agent: `${agent.toFixed(1)} KiB`, bare: `${anchor.toFixed(1)} KiB` });
    }
    const perStream: Figure = {
      name: `memory per open stream, of ${count}`,
      ratios,
      target: { is: 'at most', value: 1.3 },
      absolute: shown,
    };
    return [perStream, ...(footprint === undefined ? [] : footprintFigures(footprint, identities))];
  } finally {
    await leaveDomain(domain, effort);
  }
}

/** Fresh processes, because memory that was used once stays resident. */
async function bothPerStream(
  domain: TrustDomain,
  count: number,
  warmMs: number,
): Promise<{ agent: number; bare: number }> {
  const agent = await domain.startAgent();
  const message = await firstOf(agent.socket);
  const own = await perStreamKib(agent.program.pid, agent.socket, count, warmMs);
  await agent.program.stop();
  const bare = new LoadProcess<BareServer>('anchor/bare-http2.js');
  const anchorSocket = join(domain.dir, 'bare.sock');
  await bare.do('serve', anchorSocket, message, message);
  const anchor = await perStreamKib(bare.pid, anchorSocket, count, warmMs);
  await bare.stop();
  return { agent: own, bare: anchor };
}

async function firstOf(socket: string): Promise<Uint8Array> {
  const load = new LoadProcess<WorkloadLoad>('load/workloads.js');
  const message = await load.do('first', socket, X509_PATH, EMPTY);
  await load.stop();
  return message;
}

/** Needs root: each identity is a user of its own. */
async function manyIdentities(domain: TrustDomain, count: number, idleMs: number): Promise<Footprint | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const agent = await domain.startAgent({ cacheSize: count + 100 });
  const users = await manyUsers(agent.socket, domain.dir, count);
  const footprint = await footprintOf(agent.program.pid, users.sockets, bundleUpdates(domain), idleMs);
  users.stop();
  await agent.program.stop();
  return footprint;
}

function footprintFigures({ openMib, updatedMib, idle }: Footprint, count: number): Figure[] {
  // SPIRE was seen with 1,000; fewer are for seeing that all works.
  const target = count === IDENTITIES ? { target: { is: 'at most' as const, value: 1 } } : {};
  return [
    {
      name: `resident, ${count} SVIDs and ${count} streams (SPIRE seen)`,
      ratios: [openMib / SPIRE_SEEN.open],
      ...target,
      absolute: { agent: `${openMib.toFixed(0)} MiB` },
    },
    {
      name: 'the same after an update (SPIRE seen)',
      ratios: [updatedMib / SPIRE_SEEN.updated],
      ...target,
      absolute: { agent: `${updatedMib.toFixed(0)} MiB` },
    },
    {
      name: `idle CPU meanwhile, of ${MOST_IDLE * 100} % of a core`,
      ratios: [idle / MOST_IDLE],
      target: { is: 'at most', value: 1 },
      absolute: { agent: `${(idle * 100).toFixed(2)} %` },
    },
  ];
}

export const memoryRow: Row = {
  id: 'B7',
  work: 'memory per open stream; agent with 1,000 SVIDs and 1,000 streams; idle CPU',
  anchor: 'bare node:http2 with as many streams; what SPIRE was seen to take; a fixed share of a core',
  missing: () => (process.getuid?.() === 0 ? [] : ['the agent with many identities: each is a user, run it as root']),
  measure,
};
