import type { CellReport } from './cell.js';
import { CELLS, CUSTODY_TITLES, titleOf, type Cell } from './cells.js';

/** How a cell of the matrix went; the error's sentence when it does not hold. */
export type CellOutcome = CellReport | { readonly failed: string };

export const MATRIX_PAGE = 'docs/custody-matrix.md';

const HEAD = `# Custody and chain: what was run

<!-- Made by \`node build/test/parts/custody/write-matrix.js\`, which runs every row; do not edit. -->

Where signing keys live and who signs the deployment's CA certificate are chosen independently. Each row is a life of its own with real
processes: a server that is configured so from its first start, an agent, and workloads. It holds when all of this does:

1. **start**: the first keyset is born where the row says; X.509-SVID and JWT-SVID are fetched over the Workload API and verified by
   \`openssl verify -x509_strict\` and go-spiffe.
2. **runbook**: prepare, activate, taint, wait, remove, with an open stream that is renewed and never ends.
3. **kill -9**: after a restart the same keysets with the same keys sign again.
4. **upstream away**: issuance goes on; \`prepare\` fails with a sentence, and the ring is as it was.
5. **keys' service away**: local and wrapped keys sign on; with a key manager new SVIDs fail with \`UNAVAILABLE\`, streams stay, and issuance
   comes back by itself (the last column: within how many seconds).

AWS is moto with corrections ([what they are](operations/aws-emulator.md)), Azure a service of this project's tests, PKCS#11 is SoftHSM, step-ca is
itself. Every row also searches all that was printed for private keys, PINs, tokens and cloud secrets.

| keys | provider | upstream | start | runbook | kill -9 | upstream away | keys' service away |
|---|---|---|---|---|---|---|---|
`;

/** The page with a row for each cell, in the order of the matrix. */
export function matrixPage(outcomes: ReadonlyMap<Cell, CellOutcome>): string {
  return `${HEAD}${CELLS.map((cell) => matrixRow(cell, outcomes.get(cell) ?? { failed: 'not run' })).join('\n')}\n`;
}

export function matrixRow(cell: Cell, outcome: CellOutcome): string {
  const titles = titleOf(cell);
  if ('failed' in outcome)
    return `| ${[...titles, `does not hold: ${outcome.failed.split('\n')[0]}`, '', '', '', ''].join(' | ')} |`;
  const { axis } = CUSTODY_TITLES[cell.custody];
  const away = {
    'local KEK': '–',
    'key wrapping': 'signs on',
    'key manager': `UNAVAILABLE, back in ${Math.ceil((outcome.recoveredMs ?? 0) / 1000)} s`,
  }[axis];
  const upstream = cell.upstream === 'selfSigned' ? '–' : 'signs on';
  return `| ${[...titles, 'verified', 'no gap', 'same keys', upstream, away].join(' | ')} |`;
}

/** The first three columns of each row of a page. */
export function rowsOf(page: string): readonly string[] {
  const rows = page.split('\n').filter((line) => line.startsWith('| '));
  return rows.slice(1).map((row) => row.split(' | ').slice(0, 3).join(' | ').slice(2));
}
