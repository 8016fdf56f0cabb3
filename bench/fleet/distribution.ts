import type { Random } from './random.js';

/** How a quantity varies. Values have the unit of what was read (milliseconds, or a count). */
export type Distribution =
  | { readonly kind: 'fixed'; readonly value: number }
  | { readonly kind: 'uniform'; readonly from: number; readonly to: number }
  | { readonly kind: 'exponential'; readonly mean: number }
  /** Of the kind that latencies have: `median`, and one in a hundred above `p99`. */
  | { readonly kind: 'lognormal'; readonly median: number; readonly p99: number };

export const DISTRIBUTION_FORMS = 'X, uniform X..Y, exponential MEAN or lognormal MEDIAN p99 X';

/** Reads one of DISTRIBUTION_FORMS; `unit` reads each value. `undefined`: it is none, or its values contradict each other. */
export function parseDistribution(text: string, unit: (text: string) => number | undefined): Distribution | undefined {
  const [word = '', first = '', p99 = '', last = ''] = text.trim().split(/\s+/);
  const words = text.trim().split(/\s+/).length;
  if (words === 1) return fixed(unit(word));
  if (words === 2 && word === 'exponential') {
    const mean = unit(first);
    return mean === undefined ? undefined : { kind: 'exponential', mean };
  }
  if (words === 2 && word === 'uniform') return uniform(first.split('..').map(unit));
  if (words === 4 && word === 'lognormal' && p99 === 'p99') return lognormal(unit(first), unit(last));
  return undefined;
}

function fixed(value: number | undefined): Distribution | undefined {
  return value === undefined ? undefined : { kind: 'fixed', value };
}

function uniform([from, to, ...rest]: readonly (number | undefined)[]): Distribution | undefined {
  if (from === undefined || to === undefined || rest.length > 0 || from > to) return undefined;
  return { kind: 'uniform', from, to };
}

function lognormal(median: number | undefined, p99: number | undefined): Distribution | undefined {
  if (median === undefined || p99 === undefined || median <= 0 || p99 < median) return undefined;
  return { kind: 'lognormal', median, p99 };
}

/** The smallest and the largest parameter, for range checks. */
export function parametersOf(distribution: Distribution): readonly [least: number, most: number] {
  switch (distribution.kind) {
    case 'fixed':
      return [distribution.value, distribution.value];
    case 'uniform':
      return [distribution.from, distribution.to];
    case 'exponential':
      return [distribution.mean, distribution.mean];
    case 'lognormal':
      return [distribution.median, distribution.p99];
  }
}

/** 99 % of a standard normal distribution lie below this. */
const Z99 = 2.326347874;

export function meanOf(distribution: Distribution): number {
  switch (distribution.kind) {
    case 'fixed':
      return distribution.value;
    case 'uniform':
      return (distribution.from + distribution.to) / 2;
    case 'exponential':
      return distribution.mean;
    case 'lognormal':
      return distribution.median * Math.exp((Math.log(distribution.p99 / distribution.median) / Z99) ** 2 / 2);
  }
}

/** A function that draws from `distribution`. */
export function sampler(distribution: Distribution, random: Random): () => number {
  switch (distribution.kind) {
    case 'fixed':
      return () => distribution.value;
    case 'uniform': {
      const { from, to } = distribution;
      return () => from + (to - from) * random.next();
    }
    case 'exponential':
      return () => -distribution.mean * Math.log(1 - random.next());
    case 'lognormal': {
      const { median, p99 } = distribution;
      const sigma = Math.log(p99 / median) / Z99;
      return () => median * Math.exp(sigma * normal(random));
    }
  }
}

/** Box and Muller. */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
}
