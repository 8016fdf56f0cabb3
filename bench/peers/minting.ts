import { join } from 'node:path';
import type { MintingAgent } from '../load/minting-agent.js';
import { LoadProcess } from '../rig/load-process.js';
import { inRounds } from '../rounds.js';
import type { Figure } from '../row.js';
import { minterOf, sampleMints, type Minter, type MintSample } from '../rows/mint-over-wire.js';
import { atLeast, compared, SIDES, type Side, type Stage } from './sides.js';
import type { SpireMinting } from './spire-minting.js';

const CASES = [
  { name: 'X.509 in batches of 1', kind: 'x509', batch: 1, times: 2 },
  { name: 'X.509 in batches of 10', kind: 'x509', batch: 10, times: undefined },
  { name: 'X.509 in batches of 100', kind: 'x509', batch: 100, times: 4 },
  { name: 'JWT', kind: 'jwt', batch: 1, times: 1.5 },
] as const;

/** B3: SVIDs per CPU second of the server; in SPIRE the agent makes the keys, so that of both sides together as well. */
export async function compareMinting({ domain, spire, spirePort, effort }: Stage): Promise<Figure[]> {
  const own = new LoadProcess<MintingAgent>('load/minting-agent.js');
  const other = new LoadProcess<SpireMinting>('peers/spire-minting.js');
  try {
    await own.do('login', { ...domain.agentAccess(), stateDir: join(domain.dir, 'load') });
    await other.do('login', await spire.mintingAccess(spirePort));
    await spire.takenIn();
    const minters: Record<Side, Minter> = {
      own: minterOf(own),
      spire: { pid: other.pid, mint: (...args) => other.do('mint', ...args) },
    };
    const servers = { own: domain.server.pid, spire: spire.server.pid };
    const cases: Record<string, (ms: number) => Promise<MintSample>> = {};
    for (const one of CASES) {
      for (const side of SIDES)
        cases[`${side} ${one.name}`] = (ms) => sampleMints(minters[side], servers[side], one, ms);
    }
    const samples = await inRounds(cases, effort);
    return CASES.flatMap(({ name, times }) => {
      const field = (of: keyof MintSample): Record<Side, number[]> => ({
        own: (samples[`own ${name}`] ?? []).map((sample) => sample[of]),
        spire: (samples[`spire ${name}`] ?? []).map((sample) => sample[of]),
      });
      const target = times === undefined ? {} : { target: atLeast(times) };
      return [
        compared(`B3 ${name}: per server CPU second`, field('perServerCpu'), 'SVIDs', target),
        compared(`B3 ${name}: per CPU second of both sides`, field('perCpuOfBoth'), 'SVIDs'),
      ];
    });
  } finally {
    await Promise.all([own.stop(), other.stop()]);
  }
}
