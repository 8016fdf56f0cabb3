import { CUSTODY_TITLES, UPSTREAM_TITLES, type CustodyName, type UpstreamName } from './cells.js';

export const FAULTS = {
  away: 'nobody listens, the token is pulled out, or the key file is missing',
  slow: '300 ms more for each answer; a TPM is asked several times for one signature',
  reset: 'each connection is reset',
  throttled: 'the first two answers to each kind of call say too much, as the service words it, then it is well again',
  failing: 'HTTP 500',
  truncated: 'half of each answer, then the end',
  garbage: 'bytes that are no answer',
  mismatched: 'the key file holds the key of another certificate',
  'half-written': 'the key file ends in the middle',
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

/** Where keys lie whose service is tried. */
export type TriedCustody = Exclude<CustodyName, 'sealed'> | 'pkcs11Tpm';
/** Whose faults are tried: that of the keys, or the authority above the deployment's CA (then keys are sealed locally). */
export type Tried = TriedCustody | `upstream ${Exclude<UpstreamName, 'selfSigned'>}`;

export type FaultRow = Readonly<Record<Phase, Behaviour>> & {
  readonly provider: Tried;
  readonly fault: FaultName;
};

export type Axis = 'key wrapping' | 'key manager' | 'upstream authority';

const DOWN: Readonly<Record<Axis, Readonly<Record<Phase, Behaviour>>>> = {
  'key wrapping': { start: 'waits', rotation: 'refused', steady: 'signs' },
  'key manager': { start: 'waits', rotation: 'refused', steady: 'UNAVAILABLE' },
  'upstream authority': { start: 'starts', rotation: 'refused', steady: 'signs' },
};
const IN_SPITE = { start: 'starts', rotation: 'rotates', steady: 'signs' } as const;

const NETWORK = ['away', 'slow', 'reset', 'throttled', 'failing', 'truncated', 'garbage'] as const;
const FILES = ['mismatched', 'half-written'] as const;
/** Which faults are tried at which provider. */
export const TRIED: Readonly<Record<Tried, readonly FaultName[]>> = {
  awsWrapping: NETWORK,
  azureWrapping: NETWORK,
  awsKMS: NETWORK,
  azureKeyVault: NETWORK,
  pkcs11: ['away'],
  pkcs11Tpm: ['slow'],
  webhook: NETWORK,
  'upstream awsPca': NETWORK,
  'upstream disk': ['away', ...FILES],
  'upstream webhook': NETWORK,
};

/** Why a fault is not tried, for every one that is not. */
export const NOT_TRIED: Readonly<Partial<Record<Tried, Readonly<Partial<Record<FaultName, string>>>>>> = {
  pkcs11: {
    slow: 'SoftHSM answers as fast as it computes; the TPM is a slow token',
    reset: 'a module is called in the server itself: there is no connection',
    throttled: 'a module has no such answer; what it says when it has no room is tried with a module in memory',
    failing: 'a module answers with codes; each kind of code is tried with a module in memory',
    truncated: 'there is no connection',
    garbage: 'a module is trusted code of the server; its signatures are verified like all others',
  },
  pkcs11Tpm: {
    away: 'its resource manager ends with its TPM; SoftHSM shows what a token that goes comes to',
    ...Object.fromEntries(NETWORK.slice(2).map((fault) => [fault, 'as for SoftHSM: it is a module too'])),
  },
  'upstream disk': Object.fromEntries(NETWORK.slice(1).map((fault) => [fault, 'files are read, nobody is asked'])),
};

/** Where a provider does otherwise than the rest. */
const OTHERWISE: Readonly<Partial<Record<`${Tried} ${FaultName}`, Partial<Record<Phase, Behaviour>>>>> = {
  // The contract of the Upstream Authority Extension: any answer but a success is a refusal.
  'upstream webhook throttled': { rotation: 'refused' },
};

export function axisOf(provider: Tried): Axis {
  const custody = custodyOf(provider);
  if (custody === undefined) return 'upstream authority';
  return TITLES[custody].axis === 'key manager' ? 'key manager' : 'key wrapping';
}

const TITLES = {
  ...CUSTODY_TITLES,
  pkcs11Tpm: { axis: 'key manager', provider: 'PKCS#11 (TPM in software)' },
} as const satisfies Record<TriedCustody, { readonly axis: string; readonly provider: string }>;

/** Undefined: it is an upstream. */
export function custodyOf(provider: Tried): TriedCustody | undefined {
  return provider in TITLES ? (provider as TriedCustody) : undefined;
}

export function upstreamOf(provider: Tried): UpstreamName {
  return custodyOf(provider) === undefined ? (provider.replace('upstream ', '') as UpstreamName) : 'selfSigned';
}

export function titleOf(provider: Tried): string {
  const custody = custodyOf(provider);
  return custody === undefined ? UPSTREAM_TITLES[upstreamOf(provider)] : TITLES[custody].provider;
}

const PROVIDERS = Object.keys(TRIED) as Tried[];

/** Every fault that is tried, with what is stated of each phase. */
export const FAULT_ROWS: readonly FaultRow[] = PROVIDERS.flatMap((provider) =>
  TRIED[provider].map((fault) => {
    const usual = fault === 'slow' || fault === 'throttled' ? IN_SPITE : DOWN[axisOf(provider)];
    return { provider, fault, ...usual, ...OTHERWISE[`${provider} ${fault}`] };
  }),
);

/**
 * Every provider and fault that is not tried, with the reason; faults of one provider that have one reason together. Throws for one
 * that is neither tried nor explained. Faults of files are a file's.
 */
export function notTried(): readonly { readonly provider: Tried; readonly faults: string; readonly why: string }[] {
  return PROVIDERS.flatMap((provider) => {
    const reasons = new Map<string, FaultName[]>();
    for (const fault of NETWORK.filter((one) => !TRIED[provider].includes(one))) {
      const why = NOT_TRIED[provider]?.[fault];
      if (why === undefined) throw new Error(`${provider}, ${fault}: neither tried nor explained`);
      reasons.set(why, [...(reasons.get(why) ?? []), fault]);
    }
    return [...reasons].map(([why, faults]) => ({ provider, faults: faults.join(', '), why }));
  });
}
