import { CUSTODY_TITLES, type CustodyName } from './cells.js';

export const FAULTS = {
  away: 'nobody listens, or the token is pulled out',
  slow: '300 ms more for each answer',
  reset: 'each connection is reset',
  throttled: 'two answers that say too much, as the service words it, then well again',
  failing: 'HTTP 500',
  truncated: 'half of each answer, then the end',
  garbage: 'bytes that are no answer',
} as const;
export type FaultName = keyof typeof FAULTS;
export type Phase = 'start' | 'rotation' | 'steady';

/** What a phase comes to. */
export type Behaviour =
  // start: ready in spite of it; ready when it is over, having said what it waits for; ended with an error that says why
  | 'starts'
  | 'waits'
  | 'ends'
  // rotation: done in spite of it; refused with a sentence, nothing left in the ring, done when repeated afterwards
  | 'rotates'
  | 'refused'
  // steady: signs; new SVIDs are refused as UNAVAILABLE, streams stay, and signing comes back by itself
  | 'signs'
  | 'UNAVAILABLE';

export type FaultRow = Readonly<Record<Phase, Behaviour>> & {
  readonly custody: CustodyName;
  readonly fault: FaultName;
};

const WRAPPING_DOWN = { start: 'waits', rotation: 'refused', steady: 'signs' } as const;
const MANAGER_DOWN = { start: 'waits', rotation: 'refused', steady: 'UNAVAILABLE' } as const;
const IN_SPITE = { start: 'starts', rotation: 'rotates', steady: 'signs' } as const;

const ALL: readonly FaultName[] = ['away', 'slow', 'reset', 'throttled', 'failing', 'truncated', 'garbage'];
const TRIED: readonly (readonly [CustodyName, readonly FaultName[]])[] = [
  ['awsWrapping', ALL],
  ['azureWrapping', ['away']],
  ['awsKMS', ALL],
  ['azureKeyVault', ['away', 'throttled', 'garbage']],
  ['pkcs11', ['away']],
  ['webhook', ALL],
];

/** Where a provider does otherwise than the rest. */
const OTHERWISE: Readonly<Partial<Record<`${CustodyName} ${FaultName}`, Partial<Record<Phase, Behaviour>>>>> = {
  // Making a key is not repeated by the server; the SDKs of the clouds repeat it themselves after a throttling answer.
  'webhook throttled': { rotation: 'refused' },
};

/** Every fault that can be made at a provider, with what is stated of each phase. */
export const FAULT_ROWS: readonly FaultRow[] = TRIED.flatMap(([custody, faults]) =>
  faults.map((fault) => {
    const down = CUSTODY_TITLES[custody].axis === 'key manager' ? MANAGER_DOWN : WRAPPING_DOWN;
    const usual = fault === 'slow' || fault === 'throttled' ? IN_SPITE : down;
    return { custody, fault, ...usual, ...OTHERWISE[`${custody} ${fault}`] };
  }),
);

export const FAULTS_PAGE = 'docs/custody-faults.md';

const HEAD = `# Faults of key services, and what comes of them

<!-- Made by \`node build/test/parts/custody/write-faults.js\`; do not edit. The rows are held by test/parts/custody/custody-faults.test.ts. -->

Each row is tried on a running deployment (real processes; between server and service a proxy on loopback that spoils what passes, or the
service's own faults), in three phases: **start** of a server over an existing ring, **rotation** (\`keyset prepare\`), and **steady** state (a new
JWT-SVID is asked for). In no row does a stream end, the ring change by what failed, or a wrong SVID leave the server.

| says | meaning |
|---|---|
| starts | ready in spite of the fault |
| waits | not ready as long as it lasts, the log says so; ready by itself when it is over, with the same keysets |
| ends | the start ends at once with an error that says why |
| rotates | done in spite of the fault |
| refused | the command fails with a sentence, the ring is as it was; repeated afterwards it is done |
| signs | SVIDs as ever; with key wrapping the service is not asked at all |
| UNAVAILABLE | new SVIDs are refused so, held ones stay; signing comes back by itself when it is over |

| fault | what it is |
|---|---|
${Object.entries(FAULTS)
  .map(([name, what]) => `| ${name} | ${what} |`)
  .join('\n')}

## Rows

| keys | provider | fault | start | rotation | steady |
|---|---|---|---|---|---|
`;

export function faultsPage(): string {
  const rows = FAULT_ROWS.map(({ custody, fault, start, rotation, steady }) => {
    const { axis, provider } = CUSTODY_TITLES[custody];
    return `| ${[axis, provider, fault, start, rotation, steady].join(' | ')} |`;
  });
  return `${HEAD}${rows.join('\n')}\n`;
}
