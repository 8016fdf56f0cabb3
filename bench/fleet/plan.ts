import { RENEWALS_PER_SECOND } from '../../src/svid/renewal-gate.js';
import { drawTaintDelay, TAINT_DELAY_MAX_MS } from '../../src/svid/taint-wave.js';
import { meanOf, parametersOf } from './distribution.js';
import { limitOf, sampleAgents, tried, type Goal, type Prediction, type Settings } from './plan-trial.js';
import type { Scenario } from './scenario.js';
import type { Observer } from './simulation.js';

/** On how many agents the search was made, and what the whole fleet did with its result. */
export interface PlanBasis {
  readonly agents: number;
  readonly sampleAgents: number;
  /** `none`: the sample is the fleet; `out of time`: the whole fleet's simulation was given up. */
  readonly verified: Prediction | 'none' | 'out of time';
  readonly simulations: number;
}

export type Plan =
  | {
      readonly meets: true;
      readonly settings: Settings;
      readonly predicted: Prediction;
      readonly shipped: boolean;
      readonly basis: PlanBasis;
    }
  | { readonly meets: false; readonly reasons: readonly string[]; readonly basis: PlanBasis };

/** The delay and rate that agents ship with. */
const SHIPPED = { taintDelayMs: TAINT_DELAY_MAX_MS, renewalsPerSecond: RENEWALS_PER_SECOND } as const;
const DELAYS_MS = [0, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 900, 1800, 3600].map((s) => s * 1000);
/** Of the time that there is: for waves that need nearly all of it. */
const PARTS = [0.75, 0.85, 0.95];
const RATES = [5, 10, 20, 40, 60, 100, 200, 500, 1000];
/** A peak within the limit needs some room: arrivals are random. */
const ROOM = 1.1;
/** Simulations of the sample, at most; what arithmetic refuses is not simulated. */
const MOST_TRIALS = 30;
/** Reasons that are told one by one. */
const MOST_REASONS = 4;
/** Simulations of the whole fleet, at most. */
const MOST_VERIFIED = 2;

/**
 * Finds settings that meet a goal, the ones nearest to what ships first: tries them on a sample of the fleet, and the result on all of
 * it. `observer.progress` may throw PlanOutOfTime while the whole fleet is simulated.
 */
export function planFor(scenario: Scenario, goal: Goal, seed: number, observer: Observer = {}): Plan {
  const { count, svids } = scenario.agents;
  const limit = limitOf(scenario, goal);
  const background = backgroundOf(scenario);
  const total = count * meanOf(svids);
  const search = new Search(scenario, goal, seed, observer);
  if (limit <= background) {
    return search.none([
      `ordinary renewals alone ask for ${Math.ceil(background)} SVIDs per second, and the limit is ${Math.floor(limit)}`,
    ]);
  }
  const least = (total / (limit - background)) * 1000;
  const wait = least <= goal.withinMs ? 0 : waitFor(scenario, total, (limit - background) * (goal.withinMs / 1000));
  if (wait > goal.mayWaitMs) return search.none(tooMuch(total, limit, background, goal, wait));
  const demand = (afterMs: number): number => total * Math.max(0, 1 - afterMs / (0.5 * scenario.svids.x509TTL));
  return search.first(candidates(scenario, goal, wait), (settings) => {
    const peak = (1000 * demand(settings.activateToTaintMs)) / Math.max(1000, settings.taintDelayMs) + background;
    return peak > limit * ROOM && peak > limit + total / count
      ? `at least ${Math.ceil(peak)} SVIDs per second are asked for, and the limit is ${Math.floor(limit)}`
      : undefined;
  });
}

/** Tries settings one after another, and remembers why they do not do. */
class Search {
  readonly #scenario: Scenario;
  readonly #goal: Goal;
  readonly #seed: number;
  readonly #observer: Observer;
  readonly #sample: number;
  #simulations = 0;
  #verified: PlanBasis['verified'] = 'none';

  constructor(scenario: Scenario, goal: Goal, seed: number, observer: Observer) {
    this.#scenario = scenario;
    this.#goal = goal;
    this.#seed = seed;
    this.#observer = observer;
    this.#sample = sampleAgents(scenario);
  }

  none(reasons: readonly string[]): Plan {
    return { meets: false, reasons, basis: this.#basis };
  }

  first(all: readonly Settings[], refused: (settings: Settings) => string | undefined): Plan {
    const [reckoned, tried]: [string[], string[]] = [[], []];
    let verifications = 0;
    for (const settings of all) {
      const arithmetic = refused(settings);
      const predicted = arithmetic === undefined ? this.#try(settings, this.#sample) : undefined;
      let why = arithmetic ?? this.#whyNot(predicted);
      if (why === undefined && predicted !== undefined && this.#scenario.agents.count > this.#sample) {
        verifications++;
        why = this.#whyNotAll(settings);
      }
      if (why === undefined && predicted !== undefined) return this.#found(settings, predicted);
      (arithmetic === undefined ? tried : reckoned).push(
        `${wordsOf(settings)}: ${why ?? 'not done within the horizon'}`,
      );
      if (this.#simulations >= MOST_TRIALS || verifications >= MOST_VERIFIED) break;
    }
    return this.none([
      ...(reckoned.length + tried.length === 0 ? ['no delay and rate fit into that time'] : []),
      ...some(tried, 'simulated'),
      ...some(reckoned, 'refused by arithmetic'),
    ]);
  }

  #found(settings: Settings, sample: Prediction): Plan {
    const predicted = typeof this.#verified === 'object' ? this.#verified : sample;
    const shipped =
      settings.taintDelayMs === SHIPPED.taintDelayMs && settings.renewalsPerSecond === SHIPPED.renewalsPerSecond;
    return { meets: true, settings, predicted, shipped, basis: this.#basis };
  }

  get #basis(): PlanBasis {
    const agents = this.#scenario.agents.count;
    return { agents, sampleAgents: this.#sample, verified: this.#verified, simulations: this.#simulations };
  }

  #try(settings: Settings, agents: number, observer: Observer = {}): Prediction | undefined {
    this.#simulations++;
    return tried(this.#scenario, this.#goal, settings, { seed: this.#seed, agents, observer });
  }

  /** The whole fleet, once; undefined also when there was no time for it. */
  #whyNotAll(settings: Settings): string | undefined {
    try {
      const all = this.#try(settings, this.#scenario.agents.count, this.#observer);
      this.#verified = all ?? 'none';
      const why = this.#whyNot(all);
      return why === undefined ? undefined : `with all ${this.#scenario.agents.count} agents ${why}`;
    } catch (error) {
      if (!(error instanceof PlanOutOfTime)) throw error;
      this.#verified = 'out of time';
      return undefined;
    }
  }

  #whyNot(predicted: Prediction | undefined): string | undefined {
    const limit = limitOf(this.#scenario, this.#goal);
    if (predicted === undefined) return 'not all are renewed in twice the time';
    if (predicted.t100Ms > this.#goal.withinMs) return `all are renewed after ${Math.ceil(predicted.t100Ms / 1000)} s`;
    if (predicted.gaps > 0) return `${predicted.gaps} identities are without a valid SVID for a while`;
    if (predicted.peakPerSecond * ROOM > limit && limit !== Infinity) {
      return `the peak of ${Math.ceil(predicted.peakPerSecond)} SVIDs per second leaves no room below ${Math.floor(limit)}`;
    }
    return undefined;
  }
}

/** The first of `reasons`, which are nearest to what ships, and how many more there are. */
function some(reasons: readonly string[], how: string): string[] {
  const more = reasons.length - MOST_REASONS;
  return [...reasons.slice(0, MOST_REASONS), ...(more > 0 ? [`${more} more settings, ${how}`] : [])];
}

/** Thrown by `observer.progress` when the simulation of the whole fleet takes too long. */
export class PlanOutOfTime extends Error {}

/** Ordinary renewals per second of a fleet at rest: one per 0.45 of the lifetime. */
function backgroundOf({ agents, svids, workloads }: Scenario): number {
  return (agents.count * meanOf(agents.svids)) / ((0.45 * svids.x509TTL) / 1000) + workloads.new;
}

/** How long ordinary renewals must have worked after `activate`, so that only `affordable` SVIDs are left for the wave. */
function waitFor({ svids: { x509TTL } }: Scenario, svids: number, affordable: number): number {
  const left = Math.max(0, Math.min(1, affordable / ROOM / svids));
  return Math.ceil((0.5 * x509TTL * (1 - left)) / 60_000) * 60_000;
}

function tooMuch(svids: number, limit: number, background: number, goal: Goal, wait: number): string[] {
  const perSecond = svids / (goal.withinMs / 1000) + background;
  return [
    `${Math.round(svids)} SVIDs within ${goal.withinMs / 1000} s are ${Math.ceil(perSecond)} per second with the ordinary renewals, and the limit is ${Math.floor(limit)}`,
    `at that limit the wave takes at least ${Math.ceil(svids / (limit - background))} s`,
    `with ${Math.ceil(wait / 60_000)} minutes between activate and taint ordinary renewals would leave few enough SVIDs for the wave; allow it with --may-wait`,
  ];
}

/** Delays, rates and waits that can end in time, nearest to what ships first; a longer wait than needed comes last. */
function candidates({ agents }: Scenario, goal: Goal, wait: number): Settings[] {
  const [, most] = parametersOf(agents.svids);
  const waits = [...new Set([wait, goal.mayWaitMs])];
  const delays = [...new Set([...DELAYS_MS, ...PARTS.map((part) => Math.round((part * goal.withinMs) / 5000) * 5000)])];
  const near = (value: number, shipped: number): number => Math.abs(Math.log((value + 1) / (shipped + 1)));
  const distance = (settings: Settings): number =>
    near(settings.taintDelayMs / 1000, SHIPPED.taintDelayMs / 1000) +
    near(settings.renewalsPerSecond, SHIPPED.renewalsPerSecond) +
    (settings.activateToTaintMs === wait ? 0 : 10);
  return waits
    .flatMap((activateToTaintMs) =>
      RATES.filter((rate) => rate <= Math.max(2 * SHIPPED.renewalsPerSecond, most)).map((renewalsPerSecond) => ({
        activateToTaintMs,
        renewalsPerSecond,
      })),
    )
    .flatMap((rest) => delays.map((taintDelayMs) => ({ taintDelayMs, ...rest })))
    .filter(({ taintDelayMs, renewalsPerSecond }) => {
      const longest = drawTaintDelay(taintDelayMs, () => 1);
      return taintDelayMs <= goal.withinMs && longest + (1000 * most) / renewalsPerSecond - 1000 <= goal.withinMs;
    })
    .sort((a, b) => distance(a) - distance(b));
}

function wordsOf({ taintDelayMs, renewalsPerSecond, activateToTaintMs }: Settings): string {
  const wait = activateToTaintMs === 0 ? '' : `, ${activateToTaintMs / 60_000} min between activate and taint`;
  return `delay ${taintDelayMs / 1000} s, ${renewalsPerSecond} per second and agent${wait}`;
}
