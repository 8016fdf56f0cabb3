import { meanOf } from '../fleet/distribution.js';
import type { Failure } from '../fleet/failure-settings.js';
import { OLD, TOO_OLD } from '../fleet/fleet-state.js';
import type { Gap, Recorder } from '../fleet/recorder.js';
import type { StepRecord } from '../fleet/rotation-model.js';
import type { Scenario } from '../fleet/scenario.js';
import type { Outcome } from '../fleet/simulation.js';
import { curvesOf, peakOver, type Curves } from './fleet-curves.js';

/** What a simulated or a real fleet did. Times are milliseconds; moments count from the start unless they say otherwise. */
export interface FleetReport {
  readonly name: string;
  readonly description: string;
  readonly source: 'simulated' | 'measured';
  readonly seed: number;
  readonly fleet: { readonly agents: number; readonly svids: number; readonly tooOld: number; readonly rule: string };
  readonly servers: { readonly replicas: number; readonly capacity: number; readonly keyManager: string };
  readonly ttl: { readonly x509Ms: number; readonly jwtMs: number };
  readonly lastedMs: number;
  /** Whether everything was done before the end. */
  readonly finished: boolean;
  readonly steps: readonly StepRecord[];
  readonly rotationFailure: string | undefined;
  readonly failures: readonly { readonly atMs: number; readonly text: string }[];
  readonly wave: Wave | undefined;
  readonly load: Load;
  readonly keyManager: KeyManagerUse | undefined;
  readonly gaps: readonly ({ readonly cause: string } & Gap)[];
  readonly firsts: Firsts | undefined;
  /** SVIDs that agents dropped before they had another. */
  readonly holes: { readonly identities: number; readonly longestMs: number };
  readonly unanswered: {
    readonly shed: number;
    readonly timedOut: number;
    readonly lost: number;
    readonly wasted: number;
  };
  readonly curves: Curves;
}

/** Moments count from the commit of the taint. */
export interface Wave {
  readonly svids: number;
  readonly t50Ms: number | undefined;
  readonly t90Ms: number | undefined;
  readonly t99Ms: number | undefined;
  readonly t100Ms: number | undefined;
  /** Still on the old keyset at the end. */
  readonly remaining: number;
  readonly remainingTooOld: number;
  /** When the last of the agents that are too old will have renewed in their own time. */
  readonly tooOldDoneMs: number | undefined;
}

export interface Load {
  readonly peakMintsPerSecond: number;
  /** The most in any five seconds, per second. */
  readonly peakMintsPer5s: number;
  readonly peakAskedPerSecond: number;
  readonly replicasNeeded: number;
  readonly longestQueue: number;
  readonly renewalP50Ms: number | undefined;
  readonly renewalP99Ms: number | undefined;
  readonly firstP99Ms: number | undefined;
}

export interface KeyManagerUse {
  readonly calls: number;
  readonly throttled: number;
  readonly peakPerSecond: number;
  readonly quota: number | undefined;
  readonly quotaShare: number | undefined;
  readonly cost: number;
  readonly currency: string;
}

/** How long workloads waited for a first SVID, or for the first one after their agent's restart. */
export interface Firsts {
  readonly done: number;
  readonly missing: number;
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
  readonly longestMs: number;
}

export function reportOf(outcome: Outcome): FleetReport {
  const { scenario, fleet, recorder, rotation } = outcome;
  const { agents, servers, keyManager, svids } = scenario;
  const tooOld = fleet.agentFlags.reduce((sum, flags) => sum + ((flags & TOO_OLD) !== 0 ? 1 : 0), 0);
  return {
    name: scenario.name,
    description: scenario.description,
    source: 'simulated',
    seed: outcome.seed,
    fleet: { agents: agents.count, svids: fleet.svids, tooOld, rule: agents.rule },
    servers: { replicas: servers.replicas, capacity: servers.capacity, keyManager: keyManager.kind },
    ttl: { x509Ms: svids.x509TTL, jwtMs: svids.jwtTTL },
    lastedMs: outcome.endedAt,
    finished: outcome.finished,
    steps: rotation.steps,
    rotationFailure: rotation.failure,
    failures: scenario.failures.map((failure) => ({ atMs: failure.atMs, text: failureText(failure) })),
    wave: waveOf(outcome),
    load: loadFrom(recorder, scenario),
    keyManager: keyManagerUse(outcome),
    gaps: [...recorder.causes].map(([cause, gap]) => ({ cause, ...gap })),
    firsts: firstsOf(outcome),
    holes: recorder.holes,
    unanswered: recorder.totals,
    curves: curvesOf(recorder, outcome.endedAt),
  };
}

function waveOf({ recorder, rotation, fleet }: Outcome): Wave | undefined {
  const taintedAt = rotation.committedAt('taint');
  if (taintedAt === undefined) return undefined;
  const [t50, t90, t99, t100] = recorder.moments.map((at) => (at === undefined ? undefined : at - taintedAt));
  let tooOld = 0;
  let last = -Infinity;
  for (let agent = 0; agent < fleet.agents; agent++) {
    if (((fleet.agentFlags[agent] ?? 0) & TOO_OLD) === 0) continue;
    const to = fleet.first[agent + 1] ?? 0;
    for (let svid = fleet.first[agent] ?? 0; svid < to; svid++) {
      if (fleet.keyset[svid] !== OLD) continue;
      tooOld++;
      last = Math.max(last, fleet.dueAt[svid] ?? 0);
    }
  }
  return {
    svids: recorder.oldAtTaint,
    ...{ t50Ms: t50, t90Ms: t90, t99Ms: t99, t100Ms: t100 },
    remaining: recorder.oldNow,
    remainingTooOld: tooOld,
    tooOldDoneMs: tooOld === 0 ? undefined : last - taintedAt,
  };
}

/** What the servers of `scenario` had to do. */
export function loadFrom(recorder: Recorder, scenario: Pick<Scenario, 'servers' | 'keyManager'>): Load {
  const { minted, asked, waiting, renewalLatency, firstLatency } = recorder;
  const all = minted.wave.map((count, i) => count + (minted.ordinary[i] ?? 0) + (minted.first[i] ?? 0));
  const peakAskedPerSecond = peakOver(asked, 1);
  const { servers, keyManager } = scenario;
  const signMs = Math.max(0.01, meanOf(keyManager.latency));
  const perReplica =
    keyManager.kind === 'remote' ? Math.min(servers.capacity, (keyManager.inFlight * 1000) / signMs) : servers.capacity;
  return {
    peakMintsPerSecond: peakOver(all, 1),
    peakMintsPer5s: peakOver(all, 5) / 5,
    peakAskedPerSecond,
    replicasNeeded: Math.max(1, Math.ceil(peakAskedPerSecond / perReplica)),
    longestQueue: peakOver(waiting, 1),
    renewalP50Ms: renewalLatency.quantile(0, Infinity, 0.5),
    renewalP99Ms: renewalLatency.quantile(0, Infinity, 0.99),
    firstP99Ms: firstLatency.quantile(0, Infinity, 0.99),
  };
}

function keyManagerUse({ recorder, scenario, keyManager }: Outcome): KeyManagerUse | undefined {
  if (scenario.keyManager.kind !== 'remote') return undefined;
  const { quota, pricePer10000, currency } = scenario.keyManager;
  const peakPerSecond = peakOver(
    recorder.signatures.map((count, i) => count + (recorder.throttled[i] ?? 0)),
    1,
  );
  return {
    calls: keyManager.calls,
    throttled: keyManager.throttled,
    peakPerSecond,
    quota,
    quotaShare: quota === undefined ? undefined : peakOver(recorder.signatures, 1) / quota,
    cost: (keyManager.calls * pricePer10000) / 10_000,
    currency,
  };
}

function firstsOf({ recorder, fleet }: Outcome): Firsts | undefined {
  const missing = fleet.keyset.reduce((sum, keyset) => sum + (keyset === 2 ? 1 : 0), 0);
  if (recorder.firstsDone === 0 && missing === 0) return undefined;
  return {
    done: recorder.firstsDone,
    missing,
    p50Ms: recorder.firsts.quantile(0, 1, 0.5),
    p99Ms: recorder.firsts.quantile(0, 1, 0.99),
    longestMs: recorder.firstLongestMs,
  };
}

export function failureText(failure: Failure): string {
  const seconds = (ms: number): string => `${ms / 1000} s`;
  switch (failure.what) {
    case 'replicas lost':
      return `${failure.count} replica${failure.count === 1 ? '' : 's'} lost for ${seconds(failure.forMs)}`;
    case 'key manager throttled':
      return `key manager throttled to ${failure.quota}/s for ${seconds(failure.forMs)}`;
    case 'key manager away':
      return `key manager away for ${seconds(failure.forMs)}`;
    case 'zone cut off':
      return `zone ${failure.zone + 1} cut off for ${seconds(failure.forMs)}`;
    case 'agents restarted':
      return `${Math.round(failure.share * 100)} % of the agents restarted over ${seconds(failure.overMs)}`;
    case 'rolling upgrade':
      return `rolling upgrade of the servers, ${seconds(failure.eachMs)} each`;
  }
}
