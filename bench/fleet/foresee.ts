import { reportOf, type FleetReport } from '../report/fleet-report.js';
import type { Scenario } from './scenario.js';
import { CAUSES } from './identity-watch.js';
import { simulate, type Observer } from './simulation.js';

/** When the old keyset may go. Waits count from when `taint` returned, as an operator counts. */
export interface RemoveAdvice {
  /** Shortest wait after which no X.509-SVID of the old keyset is held any more; undefined: not within the horizon. */
  readonly x509WaitMs: number | undefined;
  /** If it was not seen: the wait that follows from the pace of the last minute; undefined: there was no progress. */
  readonly atThisPaceMs: number | undefined;
  /** Agents too old for a taint set that wait: it follows from their ordinary renewals. */
  readonly becauseOfTooOld: boolean;
  /** From then on no JWT-SVID that was issued before `activate` is valid any more. */
  readonly jwtWaitMs: number;
  /** The wait of the scenario, and how many identities it leaves with an SVID that does not verify. */
  readonly asked: { readonly waitMs: number; readonly identities: number } | undefined;
}

export interface Foresight {
  /** Where the capacity of a replica was taken from; undefined: the scenario says it. */
  readonly capacityFrom?: string;
  readonly report: FleetReport;
  readonly remove: RemoveAdvice | undefined;
  /** Replicas that the undisturbed demand needs; more than there are, when the servers were the limit. */
  readonly replicasNeeded: number;
}

/** Above this a second run, only for the demand without a limit, takes too long to be worth it. */
const SECOND_RUN_AGENTS = 200_000;

/** Simulates a scenario, and what else has to be known to advise on it. */
export function foresee(scenario: Scenario, seed: number, observer: Observer = {}): Foresight {
  const outcome = simulate(scenario, seed, observer);
  const report = reportOf(outcome);
  return {
    report,
    remove: adviceOf(scenario, report, seed, observer),
    replicasNeeded: demandOf(scenario, report, seed),
  };
}

function adviceOf(scenario: Scenario, report: FleetReport, seed: number, observer: Observer): RemoveAdvice | undefined {
  const { removeAfter } = scenario.rotation;
  const removals: string[] = [CAUSES.tooOld, CAUSES.removed];
  const hurt = report.gaps
    .filter(({ cause }) => removals.includes(cause))
    .reduce((sum, gap) => sum + gap.identities, 0);
  const asked = removeAfter === undefined ? undefined : { waitMs: removeAfter, identities: hurt };
  // A remove that comes too early ends the wave before its time, so what would have been safe is asked of another run.
  const undisturbed = hurt === 0 ? report : reportOf(simulate(withoutRemove(scenario), seed, observer));
  const taint = undisturbed.steps.find(({ step }) => step === 'taint');
  const activate = undisturbed.steps.find(({ step }) => step === 'activate');
  const { wave } = undisturbed;
  if (taint === undefined || activate === undefined || wave === undefined) return undefined;
  const published = taint.returnedAt - taint.committedAt;
  const aware = wave.remaining - wave.remainingTooOld;
  const doneMs = aware > 0 ? undefined : (wave.tooOldDoneMs ?? wave.t100Ms ?? 0);
  return {
    x509WaitMs: doneMs === undefined ? undefined : Math.max(0, doneMs - published),
    atThisPaceMs: paceOf(undisturbed, taint.returnedAt),
    becauseOfTooOld: wave.remainingTooOld > 0,
    jwtWaitMs: Math.max(0, activate.committedAt + scenario.svids.jwtTTL - taint.returnedAt),
    asked,
  };
}

function paceOf({ curves, lastedMs }: FleetReport, taintReturnedAt: number): number | undefined {
  const steps = Math.max(1, Math.round(60_000 / curves.stepMs));
  const [before, now] = [curves.onOld.at(-1 - steps), curves.onOld.at(-1)];
  if (typeof before !== 'number' || typeof now !== 'number' || before <= now) return undefined;
  return lastedMs - taintReturnedAt + (now * steps * curves.stepMs) / (before - now);
}

function withoutRemove(scenario: Scenario): Scenario {
  return { ...scenario, rotation: { ...scenario.rotation, removeAfter: undefined } };
}

/** Overloaded servers are asked again and again, or not at all: the demand is what they would be asked without a limit. */
function demandOf(scenario: Scenario, report: FleetReport, seed: number): number {
  const { shed, timedOut } = report.unanswered;
  const slow = (report.load.renewalP99Ms ?? 0) > 1000;
  if ((shed + timedOut === 0 && !slow) || scenario.agents.count > SECOND_RUN_AGENTS) return report.load.replicasNeeded;
  const capacity = scenario.servers.capacity;
  const unlimited: Scenario = {
    ...scenario,
    servers: { ...scenario.servers, capacity: 1e9, waiting: 1e9 },
    keyManager: { ...scenario.keyManager, kind: 'memory' },
    failures: scenario.failures.filter(({ what }) => what === 'agents restarted'),
  };
  const { peakAskedPerSecond } = reportOf(simulate(unlimited, seed)).load;
  return Math.max(1, Math.ceil(peakAskedPerSecond / capacity));
}
