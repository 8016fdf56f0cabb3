import { reportOf, type FleetReport } from '../report/fleet-report.js';
import { meanOf } from './distribution.js';
import type { Scenario } from './scenario.js';
import { simulate } from './simulation.js';

/** What is wanted of a rotation. */
export interface Goal {
  /** From the taint until every X.509-SVID is renewed, milliseconds. */
  readonly withinMs: number;
  readonly replicas: number;
  /** Signatures per second that the key manager may be asked for; undefined: keys are in memory or there is no limit. */
  readonly signaturesPerSecond: number | undefined;
  /** Longest time that may pass between `activate` and `taint`, milliseconds. */
  readonly mayWaitMs: number;
}

/** How to run it: the agents' delay, their rate, and the wait between `activate` and `taint`. */
export interface Settings {
  readonly taintDelayMs: number;
  readonly renewalsPerSecond: number;
  readonly activateToTaintMs: number;
}

export type Plan =
  | { readonly meets: true; readonly settings: Settings; readonly predicted: Prediction; readonly shipped: boolean }
  | { readonly meets: false; readonly reasons: readonly string[] };

export interface Prediction {
  readonly t100Ms: number;
  readonly peakPerSecond: number;
  readonly signatures: number;
}

/** The delay and rate that agents ship with. */
const SHIPPED = { taintDelayMs: 60_000, renewalsPerSecond: 20 } as const;
const DELAYS_MS = [0, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 900, 1800, 3600].map((s) => s * 1000);
/** A peak within the limit needs some room: arrivals are random. */
const ROOM = 1.1;
/** A sample of a large fleet behaves like the fleet, scaled; simulations of it are quick. */
const SAMPLE_AGENTS = 5_000;

/** Finds settings that meet a goal, the ones nearest to what ships first, and tries them in a simulation. */
export function planFor(scenario: Scenario, goal: Goal, seed: number): Plan {
  const limit = limitOf(scenario, goal);
  const background = backgroundOf(scenario);
  const svids = scenario.agents.count * meanOf(scenario.agents.svids);
  const least = leastTimeMs(svids, limit - background);
  const reasons: string[] = [];
  const waits =
    least <= goal.withinMs ? [0] : [waitFor(scenario, svids, (limit - background) * (goal.withinMs / 1000))];
  const wait = waits[0] ?? 0;
  if (limit <= background) {
    return {
      meets: false,
      reasons: [
        `ordinary renewals alone ask for ${Math.ceil(background)} SVIDs per second, and the limit is ${Math.floor(limit)}`,
      ],
    };
  }
  if (wait > goal.mayWaitMs) return { meets: false, reasons: tooMuch(svids, limit, background, goal, wait) };
  for (const settings of candidates(goal, wait)) {
    const predicted = tried(scenario, goal, settings, seed);
    const why = whyNot(predicted, goal, limit);
    if (why === undefined && predicted !== undefined) {
      const shipped = settings.taintDelayMs === SHIPPED.taintDelayMs;
      return { meets: true, settings, predicted, shipped };
    }
    reasons.push(`delay ${settings.taintDelayMs / 1000} s: ${why ?? 'not done within the horizon'}`);
  }
  return { meets: false, reasons };
}

/** SVIDs per second that may be issued. */
function limitOf({ servers, keyManager }: Scenario, goal: Goal): number {
  const quota = keyManager.kind === 'remote' ? (goal.signaturesPerSecond ?? keyManager.quota ?? Infinity) : Infinity;
  return Math.min(goal.replicas * servers.capacity, quota);
}

/** Ordinary renewals per second of a fleet at rest: one per 0.45 of the lifetime. */
function backgroundOf({ agents, svids, workloads }: Scenario): number {
  return (agents.count * meanOf(agents.svids)) / ((0.45 * svids.x509TTL) / 1000) + workloads.new;
}

function leastTimeMs(svids: number, perSecond: number): number {
  return perSecond <= 0 ? Infinity : (svids / perSecond) * 1000;
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
    `at that limit the wave takes at least ${Math.ceil(leastTimeMs(svids, limit - background) / 1000)} s`,
    `with ${Math.ceil(wait / 60_000)} minutes between activate and taint ordinary renewals would leave few enough SVIDs for the wave; allow it with --may-wait`,
  ];
}

function candidates(goal: Goal, wait: number): Settings[] {
  const fitting = DELAYS_MS.filter((delay) => delay <= goal.withinMs);
  const order = fitting.sort((a, b) => Math.abs(a - SHIPPED.taintDelayMs) - Math.abs(b - SHIPPED.taintDelayMs));
  return order.map((taintDelayMs) => ({
    taintDelayMs,
    renewalsPerSecond: SHIPPED.renewalsPerSecond,
    activateToTaintMs: wait,
  }));
}

/** The goal's scenario with these settings, simulated on a sample of the fleet and scaled back. */
function tried(scenario: Scenario, goal: Goal, settings: Settings, seed: number): Prediction | undefined {
  const scale = Math.min(1, SAMPLE_AGENTS / scenario.agents.count);
  const capacity = goal.replicas * scenario.servers.capacity * scale;
  const quota = goal.signaturesPerSecond ?? scenario.keyManager.quota;
  const sample: Scenario = {
    ...scenario,
    agents: {
      ...scenario.agents,
      count: Math.round(scenario.agents.count * scale),
      taintDelay: settings.taintDelayMs,
      renewalsPerSecond: settings.renewalsPerSecond,
    },
    workloads: { ...scenario.workloads, new: scenario.workloads.new * scale },
    servers: {
      ...scenario.servers,
      replicas: 1,
      capacity,
      waiting: Math.ceil(scenario.servers.waiting * goal.replicas * scale),
    },
    keyManager: { ...scenario.keyManager, ...(quota !== undefined && { quota: quota * scale }) },
    rotation: { ...scenario.rotation, taintAfter: settings.activateToTaintMs, removeAfter: undefined },
    failures: [],
    horizon: settings.activateToTaintMs + 60_000 + 2 * goal.withinMs,
  };
  return predictionOf(reportOf(simulate(sample, seed)), scale);
}

function predictionOf({ wave, load, curves }: FleetReport, scale: number): Prediction | undefined {
  if (wave?.t100Ms === undefined) return undefined;
  const signatures = curves.minted.wave.reduce((sum, rate) => sum + (rate * curves.stepMs) / 1000, 0);
  return {
    t100Ms: wave.t100Ms,
    peakPerSecond: load.peakMintsPer5s / scale,
    signatures: Math.round(signatures / scale),
  };
}

function whyNot(predicted: Prediction | undefined, goal: Goal, limit: number): string | undefined {
  if (predicted === undefined) return 'not all are renewed in twice the time';
  if (predicted.t100Ms > goal.withinMs) return `all are renewed after ${Math.ceil(predicted.t100Ms / 1000)} s`;
  if (predicted.peakPerSecond * ROOM > limit && limit !== Infinity) {
    return `the peak of ${Math.ceil(predicted.peakPerSecond)} SVIDs per second leaves no room below ${Math.floor(limit)}`;
  }
  return undefined;
}
