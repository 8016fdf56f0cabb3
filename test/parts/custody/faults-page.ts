import { axisOf, FAULT_ROWS, FAULTS, notTried, titleOf } from './fault-table.js';

export const FAULTS_PAGE = 'docs/custody-faults.md';

const HEAD = `# Faults of key services and upstream authorities, and what comes of them

<!-- Made by \`node build/test/parts/custody/write-faults.js\`; do not edit. The rows are held by test/parts/custody/custody-faults.test.ts. -->

Each row is tried on a running deployment (real processes; between server and service a proxy on loopback that spoils what passes, or the
service's own faults), in three phases: **start** of a server over an existing ring, **rotation** (\`keyset prepare\`), and **steady** state (a new
JWT-SVID is asked for). In no row does a stream end, the ring change by what failed, or a wrong SVID leave the server. An upstream authority is
tried with keys that are sealed locally; in steady state and at a start it is not asked at all.

| says | meaning |
|---|---|
| starts | ready in spite of the fault |
| waits | not ready as long as it lasts, the log says so; ready by itself when it is over, with the same keysets |
| ends | the start ends at once with an error that says why |
| rotates | done in spite of the fault |
| refused | the command fails with a sentence, the ring is as it was; repeated afterwards it is done |
| signs | SVIDs as ever; with key wrapping, and of an upstream, the service is not asked at all |
| UNAVAILABLE | new SVIDs are refused so, held ones stay; signing comes back by itself when it is over |

| fault | what it is |
|---|---|
${Object.entries(FAULTS)
  .map(([name, what]) => `| ${name} | ${what} |`)
  .join('\n')}

## Rows

| what | provider | fault | start | rotation | steady |
|---|---|---|---|---|---|
`;

const SPARED = `
## Not tried, and why

Keys that are sealed with the local file have no service that could fail, and a self-signed deployment has no authority above it. The faults
of key files are tried where the server reads one.

| what | provider | fault | why not |
|---|---|---|---|
`;

export function faultsPage(): string {
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rows = FAULT_ROWS.map(({ provider, fault, start, rotation, steady }) =>
    row([axisOf(provider), titleOf(provider), fault, start, rotation, steady]),
  );
  const spared = notTried().map(({ provider, faults, why }) => row([axisOf(provider), titleOf(provider), faults, why]));
  return `${HEAD}${rows.join('\n')}\n${SPARED}${spared.join('\n')}\n`;
}
