import type { Profiling } from './rig/program.js';
import type { TrustDomain } from './rig/trust-domain.js';

/** A figure of one row: the candidate's rate or cost as a ratio to an anchor of the same run. */
export interface Figure {
  readonly name: string;
  /** Candidate divided by anchor, one per round. */
  readonly ratios: readonly number[];
  /** What the ratio must reach; none: reported only. */
  readonly target?: { readonly is: 'at least' | 'at most'; readonly value: number };
  /** Absolute values for people, never compared over time. */
  readonly absolute: Readonly<Record<string, string>>;
  /** The cost at each size, where growth is what is measured; drawn on the page. */
  readonly growth?: readonly { readonly size: number; readonly cost: number }[];
}

/** One row of the benchmark. */
export interface Row {
  /** For example `B1`. */
  readonly id: string;
  readonly work: string;
  readonly anchor: string;
  measure(effort: Effort): Promise<readonly Figure[]>;
  /** What cannot be measured here because it is not installed, each with how to install it. */
  missing?(effort: { readonly quick: boolean }): readonly string[];
}

/** How much time a run may take. */
export interface Effort {
  /** Shorter and smaller, to see that all works. */
  readonly quick: boolean;
  /** Short, but with the sizes that the regression guard's baseline has. */
  readonly guarded?: boolean;
  /** B8 as specified, which takes ten minutes. */
  readonly fullTime?: boolean;
  /** Where the programs under test write CPU profiles, when asked for. */
  readonly profiling?: Profiling;
  /** The trust domain that rows use together; none: each has its own. */
  readonly shared?: { domain(): Promise<TrustDomain> };
  readonly rounds: number;
  /** Milliseconds of one sample of one case. */
  readonly sampleMs: number;
  readonly progress: (text: string) => void;
}

/** How many streams or agents a row has: what was asked for, what the guard's baseline has, or enough to see that all works. */
export function sizeOf(
  { quick, guarded }: Effort,
  sizes: { readonly full: number; readonly guarded: number; readonly quick: number },
): number {
  if (guarded === true) return sizes.guarded;
  return quick ? sizes.quick : sizes.full;
}

/** How long a process is given work before it is measured, so that its code is compiled; milliseconds. */
export function warmUpMs({ sampleMs }: Effort): number {
  return Math.min(1_500, 6 * sampleMs);
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (index: number): number => sorted[index] ?? NaN;
  const middle = Math.floor(sorted.length / 2);
  const median = sorted.length % 2 === 1 ? at(middle) : (at(middle - 1) + at(middle)) / 2;
  return { median, min: at(0), max: at(sorted.length - 1) };
}

/** Whether a figure reaches its target; `undefined` when it has none. */
export function reached(figure: Figure): boolean | undefined {
  if (figure.target === undefined) return undefined;
  const { median } = spreadOf(figure.ratios);
  return figure.target.is === 'at least' ? median >= figure.target.value : median <= figure.target.value;
}
