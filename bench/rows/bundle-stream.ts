import type { BareTlsServer } from '../anchor/bare-tls.js';
import type { BundleAgents } from '../load/bundle-agents.js';
import { LoadProcess } from '../rig/load-process.js';
import { Rotation } from '../rig/rotation.js';
import { leaveDomain, openDomain } from '../rig/shared-domain.js';
import type { TrustDomain } from '../rig/trust-domain.js';
import { cpuSeconds, memoryKib } from '../rig/usage.js';
import { shuffled } from '../rounds.js';
import { sizeOf, spreadOf, type Effort, type Figure, type Row } from '../row.js';

const AGENTS = { full: 5_000, guarded: 500, quick: 200 };
/** Load processes, each with its part of the agents. */
const PROCESSES = 2;
const MOST_ACKNOWLEDGED_S = 5;

type Agents = readonly LoadProcess<BundleAgents>[];

/** One state sent to all agents. */
interface StateSample {
  /** First to last arrival. */
  readonly wallMs: number;
  readonly cpuSeconds: number;
  /** Until everything the sender waits for had come back; only the server waits. */
  readonly acknowledgedMs: number;
}

async function sampleState(agents: Agents, pid: number, send: () => Promise<unknown>): Promise<StateSample> {
  await Promise.all(agents.map((load) => load.do('forget')));
  const before = cpuSeconds(pid);
  const startedAt = performance.now();
  const sent = send().then(() => performance.now() - startedAt);
  const arrivals = await Promise.all(agents.map((load) => load.do('arrived')));
  if (arrivals.some(({ ended }) => ended > 0)) throw new Error('bundle streams ended');
  const acknowledgedMs = await sent;
  const first = Math.min(...arrivals.map(({ firstAt }) => firstAt));
  const last = Math.max(...arrivals.map(({ lastAt }) => lastAt));
  return { wallMs: last - first, cpuSeconds: cpuSeconds(pid) - before, acknowledgedMs };
}

async function measure(effort: Effort): Promise<readonly Figure[]> {
  const domain = await openDomain(effort);
  const bare = new LoadProcess<BareTlsServer>('anchor/bare-tls.js');
  const agents = await loggedIn(domain, effort);
  const shadows = await doubles(agents);
  try {
    const count = sizeOf(effort, AGENTS);
    effort.progress(`connecting ${count} agents`);
    await Promise.all(agents.map((load) => load.do('follow', domain.port, true)));
    const message = (await agents[0]?.do('newest')) ?? new Uint8Array();
    const identity = (await agents[0]?.do('identity')) ?? { cert: '', key: '' };
    const barePort = await bare.do('serve', identity.cert, identity.key, message);
    await Promise.all(shadows.map((load) => load.do('follow', barePort, false)));
    const samples = await rounds(domain, agents, { bare, shadows }, effort);
    return figures(samples, count, memoryKib(domain.server.pid).resident / 1024);
  } finally {
    await Promise.all([...agents, ...shadows, bare].map((load) => load.stop()));
    await leaveDomain(domain, effort);
  }
}

async function loggedIn(domain: TrustDomain, effort: Effort): Promise<Agents> {
  const count = sizeOf(effort, AGENTS) / PROCESSES;
  effort.progress(`logging ${count * PROCESSES} agents in`);
  const agents = Array.from({ length: PROCESSES }, () => new LoadProcess<BundleAgents>('load/bundle-agents.js'));
  await Promise.all(agents.map((load) => load.do('login', { ...domain.agentAccess(), stateDir: domain.dir }, count)));
  return agents;
}

/** Processes that show the same certificates to the anchor. */
async function doubles(agents: Agents): Promise<Agents> {
  return Promise.all(
    agents.map(async (load) => {
      const double = new LoadProcess<BundleAgents>('load/bundle-agents.js');
      await double.do('adopt', await load.do('sessions'));
      return double;
    }),
  );
}

async function rounds(
  domain: TrustDomain,
  agents: Agents,
  { bare, shadows }: { readonly bare: LoadProcess<BareTlsServer>; readonly shadows: Agents },
  effort: Effort,
): Promise<Record<'server' | 'bare', StateSample[]>> {
  const rotation = new Rotation(domain);
  const samples: Record<'server' | 'bare', StateSample[]> = { server: [], bare: [] };
  for (let round = 1; round <= Math.min(5, effort.rounds); round++) {
    effort.progress(`taint ${round}`);
    await rotation.replaceActive();
    const sides = {
      server: () => sampleState(agents, domain.server.pid, () => rotation.taint()),
      bare: async () => {
        const message = (await agents[0]?.do('newest')) ?? new Uint8Array();
        return sampleState(shadows, bare.pid, () => bare.do('push', message));
      },
    };
    for (const side of shuffled(['server', 'bare'] as const)) samples[side].push(await sides[side]());
    await rotation.remove();
  }
  return samples;
}

function figures(
  samples: Record<'server' | 'bare', readonly StateSample[]>,
  count: number,
  serverMib: number,
): Figure[] {
  const ratio = (field: keyof StateSample): number[] =>
    samples.server.map((sample, i) => sample[field] / (samples.bare[i]?.[field] ?? NaN));
  const median = (side: 'server' | 'bare', field: keyof StateSample, digits = 0): string =>
    spreadOf(samples[side].map((sample) => sample[field])).median.toFixed(digits);
  return [
    {
      name: `taint to ${count} agents, first to last`,
      ratios: ratio('wallMs'),
      target: { is: 'at most', value: 1.5 },
      absolute: { server: `${median('server', 'wallMs')} ms`, bare: `${median('bare', 'wallMs')} ms` },
    },
    {
      name: `taint to ${count} agents, CPU with acknowledgements`,
      ratios: ratio('cpuSeconds'),
      absolute: { server: `${median('server', 'cpuSeconds', 3)} s`, bare: `${median('bare', 'cpuSeconds', 3)} s` },
    },
    {
      name: `taint acknowledged by ${count} agents, of ${MOST_ACKNOWLEDGED_S} s`,
      ratios: samples.server.map(({ acknowledgedMs }) => acknowledgedMs / 1000 / MOST_ACKNOWLEDGED_S),
      target: { is: 'at most', value: 1 },
      absolute: {
        acknowledged: `${median('server', 'acknowledgedMs')} ms`,
        'server resident': `${serverMib.toFixed(0)} MiB`,
      },
    },
  ];
}

export const bundleStreamRow: Row = {
  id: 'B10',
  work: 'bundle stream: one taint to all connected agents',
  anchor: 'bare node:http2 writing the same bytes to as many streams, over mutual TLS too',
  measure,
};
