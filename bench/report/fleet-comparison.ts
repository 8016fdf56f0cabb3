import type { Scenario } from '../fleet/scenario.js';
import type { FleetTrace } from './fleet-trace.js';
import {
  traceCurves,
  traceFigures,
  TRACE_STEP_MS,
  type TraceCurves,
  type TraceFigures,
} from './fleet-trace-figures.js';

/** Above this share of the capacity a wave is bound by the servers. */
const BOUND_LOAD = 2;
/** Largest errors: of a fleet whose servers have nothing to fear, and of one that they bind. */
const ERROR_BOUNDS = { free: 0.05, bound: 0.1 } as const;

export interface ComparedFigure {
  readonly label: string;
  readonly unit: 'ms' | 'SVIDs';
  readonly simulated: number | undefined;
  readonly measured: number | undefined;
  /** Of the simulated one, against the measured one; undefined: one of them is missing. */
  readonly error: number | undefined;
  /** Largest error that is accepted; undefined: the figure is shown only. */
  readonly bound: number | undefined;
}

export interface ComparedCurve {
  readonly title: string;
  readonly unit: string;
  /** Values are milliseconds. */
  readonly times: boolean;
  readonly stepMs: number;
  readonly simulated: readonly (number | null)[];
  readonly measured: readonly (number | null)[];
  /** Area between the curves, as a part of the area under the measured one. */
  readonly error: number;
  readonly bound: number | undefined;
}

/** A real fleet beside its simulation. */
export interface Comparison {
  readonly name: string;
  readonly seed: number;
  readonly agents: number;
  readonly svids: number;
  /** SVIDs per second, measured. */
  readonly capacity: number;
  /** SVIDs per second that the agents ask for, as a multiple of the capacity. */
  readonly load: number;
  readonly regime: 'free' | 'bound' | 'between';
  readonly figures: readonly ComparedFigure[];
  readonly curves: readonly ComparedCurve[];
}

/** Whether every error that has a bound is within it. */
export function isWithinBounds({ figures, curves }: Comparison): boolean {
  const fits = ({
    error,
    bound,
  }: {
    readonly error: number | undefined;
    readonly bound: number | undefined;
  }): boolean => bound === undefined || (error !== undefined && Math.abs(error) <= bound);
  return figures.every(fits) && curves.every(fits);
}

export function compare(
  scenario: Scenario,
  facts: { readonly seed: number; readonly capacity: number },
  simulated: FleetTrace,
  measured: FleetTrace,
): Comparison {
  const load = demandOf(scenario, measured.onOld) / facts.capacity;
  const regime = load >= BOUND_LOAD ? 'bound' : load <= 0.5 ? 'free' : 'between';
  return {
    name: scenario.name,
    ...facts,
    ...{ agents: scenario.agents.count, svids: measured.onOld, load, regime },
    figures: figures(traceFigures(simulated), traceFigures(measured), regime),
    curves: curves(simulated, measured, regime),
  };
}

/** SVIDs per second while the agents begin: nobody holds them back. */
function demandOf({ agents }: Scenario, svids: number): number {
  const seconds = agents.taintDelay / 1000 + svids / agents.count / agents.renewalsPerSecond;
  return svids / seconds;
}

const FIGURES: readonly { readonly key: keyof TraceFigures; readonly label: string; readonly unit: 'ms' | 'SVIDs' }[] =
  [
    { key: 't50Ms', label: 'half renewed', unit: 'ms' },
    { key: 't90Ms', label: '90 % renewed', unit: 'ms' },
    { key: 't99Ms', label: '99 % renewed', unit: 'ms' },
    { key: 't100Ms', label: 'all renewed', unit: 'ms' },
    { key: 'peakMints5s', label: 'most issued in 5 s', unit: 'SVIDs' },
    { key: 'longestQueue', label: 'longest queue', unit: 'SVIDs' },
    { key: 'renewalMeanMs', label: 'renewal answered, mean', unit: 'ms' },
    { key: 'renewalP50Ms', label: 'renewal answered, p50', unit: 'ms' },
    { key: 'renewalP99Ms', label: 'renewal answered, p99', unit: 'ms' },
  ];
const BOUNDED: readonly (keyof TraceFigures)[] = ['t50Ms', 't99Ms', 't100Ms', 'peakMints5s'];
const BOUNDED_IN_A_QUEUE: readonly (keyof TraceFigures)[] = [
  ...BOUNDED,
  'longestQueue',
  'renewalMeanMs',
  'renewalP99Ms',
];

function figures(
  simulated: TraceFigures,
  measured: TraceFigures,
  regime: Comparison['regime'],
): readonly ComparedFigure[] {
  const bounded = { free: BOUNDED, bound: BOUNDED_IN_A_QUEUE, between: [] }[regime];
  return FIGURES.map(({ key, label, unit }) => ({
    ...{ label, unit, simulated: simulated[key], measured: measured[key] },
    error: errorOf(simulated[key], measured[key]),
    bound: regime !== 'between' && bounded.some((one) => one === key) ? ERROR_BOUNDS[regime] : undefined,
  }));
}

function errorOf(simulated: number | undefined, measured: number | undefined): number | undefined {
  if (simulated === undefined || measured === undefined || measured === 0) return undefined;
  return (simulated - measured) / measured;
}

function curves(simulated: FleetTrace, measured: FleetTrace, regime: Comparison['regime']): readonly ComparedCurve[] {
  const lasted = Math.max(simulated.replaced.at(-1) ?? 0, measured.replaced.at(-1) ?? 0);
  const steps = Math.max(1, Math.ceil(lasted / TRACE_STEP_MS) + 1);
  const [model, fleet] = [traceCurves(simulated, steps), traceCurves(measured, steps)];
  const inQueue = regime === 'bound' ? ERROR_BOUNDS.bound : undefined;
  const curve = (key: keyof TraceCurves, title: string, unit: string, bound: number | undefined): ComparedCurve => ({
    ...{ title, unit, times: unit === 'ms', stepMs: TRACE_STEP_MS },
    ...{ simulated: model[key], measured: fleet[key], error: areaBetween(model[key], fleet[key]), bound },
  });
  return [
    curve('onOld', 'Still signed by the old keyset', 'SVIDs', regime === 'between' ? undefined : ERROR_BOUNDS[regime]),
    curve('mintsPerSecond', 'Issued', 'SVIDs per second', undefined),
    curve('queue', 'Asked for and not yet answered', 'SVIDs', inQueue),
    curve('latencyMs', 'From asking to the answer, mean', 'ms', inQueue),
  ];
}

function areaBetween(simulated: readonly (number | null)[], measured: readonly (number | null)[]): number {
  let [between, under] = [0, 0];
  measured.forEach((value, step) => {
    const other = simulated[step] ?? null;
    if (value === null || other === null) return;
    between += Math.abs(value - other);
    under += value;
  });
  return under === 0 ? 0 : between / under;
}
