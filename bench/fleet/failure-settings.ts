import type { Problems } from '../../src/runtime/problems.js';
import { duration, integer, pointerTo, readSettings } from '../../src/runtime/settings.js';
import { rate, share } from './scenario-settings.js';

/** Something that goes wrong, or is done on purpose, in a scenario. Times are milliseconds from its start. */
export type Failure =
  | { readonly what: 'replicas lost'; readonly atMs: number; readonly forMs: number; readonly count: number }
  | { readonly what: 'key manager throttled'; readonly atMs: number; readonly forMs: number; readonly quota: number }
  | { readonly what: 'key manager away'; readonly atMs: number; readonly forMs: number }
  | { readonly what: 'zone cut off'; readonly atMs: number; readonly forMs: number; readonly zone: number }
  /** All of them at once, or spread over a time: also how an upgrade of the agents looks. */
  | { readonly what: 'agents restarted'; readonly atMs: number; readonly overMs: number; readonly share: number }
  /** One replica after another is stopped and comes back. */
  | { readonly what: 'rolling upgrade'; readonly atMs: number; readonly eachMs: number };

const WHAT = [
  'replicas lost',
  'key manager throttled',
  'key manager away',
  'zone cut off',
  'agents restarted',
  'rolling upgrade',
] as const satisfies readonly Failure['what'][];

const DAY = '24h';
const at = duration('When, from the start of the scenario.', '0s', { min: '0s', max: DAY });
const lasting = duration('How long.', '1m', { min: '1s', max: DAY });
const what = { type: WHAT.join(' | '), fallback: 'required', help: 'What happens.', read: (value: unknown) => value };

/** The settings of each kind of failure, for reading and for the reference. */
export const FAILURE_SETTINGS = {
  'replicas lost': { what, at, for: lasting, count: integer('Replicas.', 1, 1, 1000) },
  'key manager throttled': {
    what,
    at,
    for: lasting,
    quota: rate('What is left of the quota.', '100/s', { min: 0, max: 1e6 }),
  },
  'key manager away': { what, at, for: lasting },
  'zone cut off': { what, at, for: lasting, zone: integer('Which one, from 1.', 1, 1, 100) },
  'agents restarted': {
    what,
    at,
    over: duration('Spread evenly over this time.', '0s', { min: '0s', max: DAY }),
    share: share('How many of the agents.', '100%'),
  },
  'rolling upgrade': {
    what,
    at,
    each: duration('How long each replica is away.', '30s', { min: '1s', max: '1h' }),
  },
} as const;

export function readFailure(value: unknown, pointer: string, problems: Problems): Failure | undefined {
  const named = (value as { readonly what?: unknown } | null)?.what;
  const kind = WHAT.find((known) => known === named);
  if (kind === undefined) {
    problems.add(pointerTo(pointer, 'what'), `one of ${WHAT.join(', ')} is expected`);
    return undefined;
  }
  switch (kind) {
    case 'replicas lost': {
      const read = readSettings(FAILURE_SETTINGS[kind], value, problems, pointer);
      return { what: kind, atMs: read.at, forMs: read.for, count: read.count };
    }
    case 'key manager throttled': {
      const read = readSettings(FAILURE_SETTINGS[kind], value, problems, pointer);
      return { what: kind, atMs: read.at, forMs: read.for, quota: read.quota };
    }
    case 'key manager away': {
      const read = readSettings(FAILURE_SETTINGS[kind], value, problems, pointer);
      return { what: kind, atMs: read.at, forMs: read.for };
    }
    case 'zone cut off': {
      const read = readSettings(FAILURE_SETTINGS[kind], value, problems, pointer);
      return { what: kind, atMs: read.at, forMs: read.for, zone: read.zone - 1 };
    }
    case 'agents restarted': {
      const read = readSettings(FAILURE_SETTINGS[kind], value, problems, pointer);
      return { what: kind, atMs: read.at, overMs: read.over, share: read.share };
    }
    case 'rolling upgrade': {
      const read = readSettings(FAILURE_SETTINGS[kind], value, problems, pointer);
      return { what: kind, atMs: read.at, eachMs: read.each };
    }
  }
}
