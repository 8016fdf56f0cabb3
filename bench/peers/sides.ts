import type { Agent } from '../rig/trust-domain.js';
import type { TrustDomain } from '../rig/trust-domain.js';
import { spreadOf, type Effort, type Figure } from '../row.js';
import type { Spire } from './spire.js';

export type Side = 'own' | 'spire';
export const SIDES = ['own', 'spire'] as const;

/** What both sides have in the whole comparison. */
export interface Stage {
  readonly domain: TrustDomain;
  readonly spire: Spire;
  /** Where SPIRE's server listens. */
  readonly spirePort: number;
  /** An agent of each side with one identity. */
  readonly agents: Readonly<Record<Side, Agent>>;
  readonly effort: Effort;
}

/** Uids of the many users; SPIRE has an entry for each. */
export const MANY_USERS = { first: 30_000, count: 1_000 };

/** This project over SPIRE, round by round, with the medians of both. */
export function compared(
  name: string,
  values: Readonly<Record<Side, readonly number[]>>,
  unit: string,
  options: {
    readonly digits?: number;
    readonly target?: { readonly is: 'at least' | 'at most'; readonly value: number };
  } = {},
): Figure {
  const shown = (side: Side): string => spreadOf(values[side]).median.toFixed(options.digits ?? 0);
  return {
    name,
    ratios: values.own.map((value, round) => value / (values.spire[round] ?? NaN)),
    ...(options.target !== undefined && { target: options.target }),
    absolute: { own: shown('own'), SPIRE: shown('spire'), unit },
  };
}

export const atMost = (value: number) => ({ is: 'at most', value }) as const;
export const atLeast = (value: number) => ({ is: 'at least', value }) as const;
