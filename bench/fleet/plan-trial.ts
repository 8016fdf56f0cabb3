import { peakOver } from '../report/fleet-curves.js';
import { reportOf } from '../report/fleet-report.js';
import { meanOf } from './distribution.js';
import type { Failure } from './failure-settings.js';
import type { Recorder } from './recorder.js';
import type { Scenario } from './scenario.js';
import { simulate, type Observer, type Outcome } from './simulation.js';

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

/** A sample of a large fleet behaves like the fleet, scaled; simulations of it are quick. */
const SAMPLE = { agents: 5_000, leastAgents: 100, svids: 100_000 } as const;

/** Agents of the sample on which a plan for `scenario` is searched. */
export function sampleAgents({ agents: { count, svids } }: Scenario): number {
  return Math.min(count, SAMPLE.agents, Math.max(SAMPLE.leastAgents, Math.round(SAMPLE.svids / meanOf(svids))));
}

/** What one simulation says, scaled to the whole fleet. */
export interface Prediction {
  readonly t100Ms: number;
  readonly peakPerSecond: number;
  readonly signatures: number;
  /** Identities that were without a valid SVID at some moment. */
  readonly gaps: number;
}

/** SVIDs per second that may be issued. */
export function limitOf({ servers, keyManager }: Scenario, goal: Goal): number {
  const quota = keyManager.kind === 'remote' ? (goal.signaturesPerSecond ?? keyManager.quota ?? Infinity) : Infinity;
  return Math.min(goal.replicas * servers.capacity, quota);
}

/**
 * The goal's scenario with these settings and its own failures, on `agents` of its agents: what the servers and the key manager can do
 * is scaled alike. Undefined: the wave does not end in twice the time.
 */
export function tried(
  scenario: Scenario,
  goal: Goal,
  settings: Settings,
  run: { readonly seed: number; readonly agents: number; readonly observer: Observer },
): Prediction | undefined {
  const scale = Math.min(1, run.agents / scenario.agents.count);
  return predictionOf(simulate(sampleOf(scenario, goal, settings, scale), run.seed, run.observer), scale);
}

function sampleOf(scenario: Scenario, goal: Goal, settings: Settings, scale: number): Scenario {
  const { agents, servers, keyManager, rotation, workloads } = scenario;
  const quota = goal.signaturesPerSecond ?? keyManager.quota;
  // Failures keep their distance from the taint, however long is waited for it.
  const laterMs = settings.activateToTaintMs - rotation.taintAfter;
  const failures = scenario.failures.map((failure) => scaled(failure, laterMs, goal.replicas, scale));
  const lastsMs = Math.max(0, ...failures.map(({ atMs }) => atMs));
  const beginsMs = rotation.prepareAt + rotation.activateAfter + settings.activateToTaintMs;
  return {
    ...scenario,
    agents: {
      ...agents,
      count: Math.max(1, Math.round(agents.count * scale)),
      taintDelay: settings.taintDelayMs,
      renewalsPerSecond: settings.renewalsPerSecond,
    },
    workloads: { ...workloads, new: workloads.new * scale },
    servers: {
      ...servers,
      replicas: goal.replicas,
      capacity: servers.capacity * scale,
      waiting: Math.ceil(servers.waiting * scale),
    },
    keyManager: {
      ...keyManager,
      inFlight: Math.ceil(keyManager.inFlight * scale),
      ...(quota !== undefined && { quota: quota * scale }),
    },
    rotation: { ...rotation, taintAfter: settings.activateToTaintMs, removeAfter: undefined },
    failures,
    horizon: Math.max(beginsMs + 60_000 + 2 * goal.withinMs, lastsMs),
  };
}

function scaled(failure: Failure, laterMs: number, replicas: number, scale: number): Failure {
  const atMs = Math.max(0, failure.atMs + laterMs);
  switch (failure.what) {
    case 'replicas lost':
      return { ...failure, atMs, count: Math.min(failure.count, replicas) };
    case 'key manager throttled':
      return { ...failure, atMs, quota: failure.quota * scale };
    default:
      return { ...failure, atMs };
  }
}

function predictionOf(outcome: Outcome, scale: number): Prediction | undefined {
  const { wave, curves, gaps } = reportOf(outcome);
  if (wave?.t100Ms === undefined) return undefined;
  const signatures = curves.minted.wave.reduce((sum, rate) => sum + (rate * curves.stepMs) / 1000, 0);
  return {
    t100Ms: wave.t100Ms,
    peakPerSecond: peakOf(outcome.recorder, scale),
    signatures: Math.round(signatures / scale),
    gaps: Math.round(gaps.reduce((sum, gap) => sum + gap.identities, 0) / scale),
  };
}

/** The most SVIDs in any five seconds, per second. Few agents make it rougher than many do, so that of a sample is taken over longer. */
function peakOf({ minted: { wave, ordinary, first } }: Recorder, scale: number): number {
  const seconds = Math.min(60, Math.max(5, Math.round(5 / scale)));
  const all = wave.map((count, i) => count + (ordinary[i] ?? 0) + (first[i] ?? 0));
  return peakOver(all, seconds) / seconds / scale;
}
