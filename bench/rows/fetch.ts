import { join } from 'node:path';
import type { BareServer } from '../anchor/bare-http2.js';
import type { LoopOptions, LoopResult, WorkloadLoad } from '../load/workloads.js';
import { JWT_PATH, jwtRequest, X509_PATH } from '../load/requests.js';
import { LoadProcess } from '../rig/load-process.js';
import { leaveDomain, openDomain } from '../rig/shared-domain.js';
import { cpuSeconds } from '../rig/usage.js';
import { inRounds, ratiosOf } from '../rounds.js';
import { spreadOf, type Effort, type Figure, type Row } from '../row.js';

/** What one sample of fetches measured: milliseconds, and the served process's CPU in microseconds per fetch. */
export interface FetchSample {
  readonly p50: number;
  readonly p99: number;
  readonly cpuUs: number;
  readonly perSecond: number;
}

/** What is fetched from, with the process that serves it. */
export interface FetchTarget {
  readonly pid: number;
  readonly socket: string;
}

export const AT_ONCE = 32;

/** One sample: a closed loop of fetches. Throws when one fails. */
export async function sampleFetches(
  load: LoadProcess<WorkloadLoad>,
  { pid, socket }: FetchTarget,
  kind: 'x509' | 'jwt',
  inFlight: number,
  ms: number,
): Promise<FetchSample> {
  const options: LoopOptions = {
    sockets: [socket],
    inFlight,
    ms,
    ...(kind === 'x509'
      ? { path: X509_PATH, body: Buffer.alloc(0), connectionPer: 'call' }
      : { path: JWT_PATH, body: jwtRequest('bench'), connectionPer: 'caller' }),
  };
  const before = cpuSeconds(pid);
  const result: LoopResult = await load.do('loop', options);
  const cpu = cpuSeconds(pid) - before;
  if (result.errors > 0) throw new Error(`${result.errors} of ${result.count} fetches from ${socket} failed`);
  const { count, p50, p99, seconds } = result;
  return { p50, p99, cpuUs: (cpu / count) * 1e6, perSecond: count / seconds };
}

const CASES = [
  { name: 'x509-1', kind: 'x509', inFlight: 1 },
  { name: 'x509-32', kind: 'x509', inFlight: AT_ONCE },
  { name: 'jwt-1', kind: 'jwt', inFlight: 1 },
] as const;

type CaseName = `${'agent' | 'bare'} ${(typeof CASES)[number]['name']}`;

async function measure(effort: Effort): Promise<readonly Figure[]> {
  const domain = await openDomain(effort);
  const load = new LoadProcess<WorkloadLoad>('load/workloads.js');
  const bare = new LoadProcess<BareServer>('anchor/bare-http2.js');
  try {
    const agent = await domain.startAgent();
    const anchorSocket = join(domain.dir, 'bare.sock');
    const svid = await load.do('first', agent.socket, X509_PATH, Buffer.alloc(0));
    const token = await load.do('first', agent.socket, JWT_PATH, jwtRequest('bench'));
    await bare.do('serve', anchorSocket, svid, token);
    const targets = {
      agent: { pid: agent.program.pid, socket: agent.socket },
      bare: { pid: bare.pid, socket: anchorSocket },
    };
    const cases = Object.fromEntries(
      CASES.flatMap(({ name, kind, inFlight }) =>
        (['agent', 'bare'] as const).map((side) => [
          `${side} ${name}`,
          (ms: number) => sampleFetches(load, targets[side], kind, inFlight, ms),
        ]),
      ),
    ) as Record<CaseName, (ms: number) => Promise<FetchSample>>;
    const samples = await inRounds(cases, { ...effort, sampleMs: effort.sampleMs * 2 });
    return figures(samples, svid.length);
  } finally {
    await Promise.all([load.stop(), bare.stop()]);
    await leaveDomain(domain, effort);
  }
}

/** What SPIRE's agent needed beside the same anchor, from the measurement that the targets were taken from: 453 of 210 and 351 of 130 us. */
const SPIRE_OVER_BARE = { one: 453 / 210, many: 351 / 130 };

function figures(samples: Record<CaseName, readonly FetchSample[]>, bytes: number): Figure[] {
  const compare = (
    name: string,
    of: (typeof CASES)[number]['name'],
    field: keyof FetchSample,
    most?: number,
  ): Figure => {
    const [agent, bare] = [samples[`agent ${of}`], samples[`bare ${of}`]];
    const unit = field === 'cpuUs' ? 'us' : 'ms';
    const median = (side: readonly FetchSample[]): string =>
      `${spreadOf(side.map((sample) => sample[field])).median.toFixed(unit === 'us' ? 0 : 2)} ${unit}`;
    return {
      name,
      ratios: ratiosOf(agent, bare, field),
      ...(most !== undefined && { target: { is: 'at most', value: most } }),
      absolute: { agent: median(agent), bare: median(bare) },
    };
  };
  const perSecond = spreadOf(samples['agent x509-32'].map((sample) => sample.perSecond)).median;
  const many = compare(
    'CPU per fetch, 32 in flight (0.75 of SPIRE seen)',
    'x509-32',
    'cpuUs',
    0.75 * SPIRE_OVER_BARE.many,
  );
  return [
    compare('p50, new connection, one at a time', 'x509-1', 'p50', 1.5),
    compare('p99, new connection, one at a time', 'x509-1', 'p99'),
    compare('CPU per fetch, one at a time (SPIRE seen)', 'x509-1', 'cpuUs', SPIRE_OVER_BARE.one),
    { ...many, absolute: { ...many.absolute, 'fetches/s': perSecond.toFixed(0), 'response bytes': String(bytes) } },
    compare('p50, 32 in flight', 'x509-32', 'p50'),
    compare('cached JWT, p50', 'jwt-1', 'p50'),
    compare('cached JWT, CPU per fetch', 'jwt-1', 'cpuUs'),
  ];
}

export const fetchRow: Row = {
  id: 'B5',
  work: 'FetchX509SVID on a new connection, warm; FetchJWTSVID, cached',
  anchor: 'bare node:http2 server, same kind of socket, same response bytes',
  measure,
};
