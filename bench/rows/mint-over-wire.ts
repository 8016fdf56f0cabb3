import { join } from 'node:path';
import { sign, generateKeyPairSync } from 'node:crypto';
import type { MintingAgent } from '../load/minting-agent.js';
import type { Minted } from '../load/mint-loop.js';
import { LoadProcess } from '../rig/load-process.js';
import { leaveDomain, openDomain } from '../rig/shared-domain.js';
import { cpuSeconds } from '../rig/usage.js';
import { inRounds } from '../rounds.js';
import { spreadOf, type Effort, type Figure, type Row } from '../row.js';

export const IN_FLIGHT = 4;

export interface MintSample {
  /** SVIDs per CPU second of the server. */
  readonly perServerCpu: number;
  /** The same with the CPU of the agent's side added. */
  readonly perCpuOfBoth: number;
  readonly perSecond: number;
  readonly p50: number;
}

/** What SPIRE minted per server CPU second, as shares of `crypto.sign` per second in the same window (49,000). */
const SPIRE = { one: 1_735 / 49_000, ten: 3_398 / 49_000, hundred: 3_497 / 49_000, jwt: 2_564 / 49_000 };

const CASES = [
  { name: 'X.509 in batches of 1', kind: 'x509', batch: 1, spire: SPIRE.one, times: 2 },
  { name: 'X.509 in batches of 10', kind: 'x509', batch: 10, spire: SPIRE.ten, times: undefined },
  { name: 'X.509 in batches of 100', kind: 'x509', batch: 100, spire: SPIRE.hundred, times: 4 },
  { name: 'JWT, one per call', kind: 'jwt', batch: 1, spire: SPIRE.jwt, times: 1.5 },
] as const;

type CaseName = (typeof CASES)[number]['name'] | 'anchor';

/** A process that mints in a closed loop. */
export interface Minter {
  readonly pid: number;
  mint(kind: 'x509' | 'jwt', batch: number, inFlight: number, ms: number): Promise<Minted>;
}

export function minterOf(load: LoadProcess<MintingAgent>): Minter {
  return { pid: load.pid, mint: (...args) => load.do('mint', ...args) };
}

/** One sample of a closed loop of mints. */
export async function sampleMints(
  load: Minter,
  serverPid: number,
  {
    kind,
    batch,
    inFlight = IN_FLIGHT,
  }: { readonly kind: 'x509' | 'jwt'; readonly batch: number; readonly inFlight?: number },
  ms: number,
): Promise<MintSample> {
  const before = { server: cpuSeconds(serverPid), load: cpuSeconds(load.pid) };
  const { svids, seconds, p50 } = await load.mint(kind, batch, inFlight, ms);
  const server = cpuSeconds(serverPid) - before.server;
  const both = server + cpuSeconds(load.pid) - before.load;
  return { perServerCpu: svids / server, perCpuOfBoth: svids / both, perSecond: svids / seconds, p50 };
}

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const DATA = Buffer.alloc(400, 7);

/** `crypto.sign` per CPU second of this process. */
function sampleSigning(ms: number): MintSample {
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  let count = 0;
  while (performance.now() - startedAt < ms) {
    for (let i = 0; i < 32; i++) sign('sha256', DATA, privateKey);
    count += 32;
  }
  const { user, system } = process.cpuUsage(cpuBefore);
  const rate = count / ((user + system) / 1e6);
  return { perServerCpu: rate, perCpuOfBoth: rate, perSecond: rate, p50: 0 };
}

async function measure(effort: Effort): Promise<readonly Figure[]> {
  const domain = await openDomain(effort);
  const load = new LoadProcess<MintingAgent>('load/minting-agent.js');
  try {
    await load.do('login', { ...domain.agentAccess(), stateDir: join(domain.dir, 'load') });
    const cases = Object.fromEntries([
      ...CASES.map((one) => [one.name, (ms: number) => sampleMints(minterOf(load), domain.server.pid, one, ms)]),
      ['anchor', (ms: number) => Promise.resolve(sampleSigning(Math.min(500, ms)))],
    ]) as Record<CaseName, (ms: number) => Promise<MintSample>>;
    const samples = await inRounds(cases, { ...effort, sampleMs: effort.sampleMs * 2 });
    return CASES.map(({ name, spire, times }) => {
      const own = samples[name];
      const median = (field: keyof MintSample): string =>
        spreadOf(own.map((sample) => sample[field])).median.toFixed(0);
      const ratios = own.map(({ perServerCpu }, i) => perServerCpu / (samples.anchor[i]?.perServerCpu ?? NaN) / spire);
      return {
        name: `${name}, of SPIRE seen`,
        ratios,
        ...(times !== undefined && { target: { is: 'at least' as const, value: times } }),
        absolute: {
          'per server CPU second': median('perServerCpu'),
          'per CPU second of both': median('perCpuOfBoth'),
          'per second': median('perSecond'),
        },
      };
    });
  } finally {
    await load.stop();
    await leaveDomain(domain, effort);
  }
}

export const mintOverWireRow: Row = {
  id: 'B3',
  work: `SVIDs per CPU second of the server, over mTLS, ${IN_FLIGHT} calls in flight`,
  anchor: 'crypto.sign per CPU second, of which SPIRE was seen to reach 0.035, 0.069, 0.071 and 0.052',
  measure,
};
