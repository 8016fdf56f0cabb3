import { Recorder } from '../fleet/recorder.js';
import { CAUSES } from '../fleet/identity-watch.js';
import type { Foresight } from '../fleet/foresee.js';
import type { StepRecord } from '../fleet/rotation-model.js';
import type { Step } from '../fleet/trust-states.js';
import { curvesOf, peakOver } from '../report/fleet-curves.js';
import {
  failureText,
  loadFrom,
  type Firsts,
  type FleetReport,
  type KeyManagerUse,
  type Wave,
} from '../report/fleet-report.js';
import { agentPlans } from './live-scenario.js';
import type { ArrivalNote, MessageNote, TrustNote } from './fleet-log.js';
import type { LiveOutcome } from './live-run.js';
import type { MachineUse } from './machine-use.js';
import { takenOver } from './live-waves.js';

/** What only a live run can tell, beside what a simulation tells too. Milliseconds. */
export interface LiveFacts {
  /** From the start of the first agent. */
  readonly storm: {
    readonly agents: number;
    readonly lastLoginMs: number;
    readonly lastSvidMs: number;
  };
  /** SVIDs per second. */
  readonly capacity: number;
  /** Since the scenario began. */
  readonly streamsEnded: number;
  readonly machine: MachineUse;
  readonly fullAgents:
    | {
        readonly agents: number;
        readonly workloads: number;
        readonly identities: number;
        readonly onOld: number;
        /** From the commit of the taint. */
        readonly lastRenewedMs: number | undefined;
        readonly streamsEnded: number;
        readonly gaps: number;
      }
    | undefined;
}

export interface LiveResult extends Foresight {
  readonly live: LiveFacts;
}

/** A measured run in the shape of a simulated one. */
export function liveResult(outcome: LiveOutcome): LiveResult {
  const report = new Measured(outcome).report();
  return {
    report,
    remove: adviceOf(report, outcome),
    replicasNeeded: report.load.replicasNeeded,
    live: factsOf(outcome, report),
  };
}

/** Milliseconds from the scenario's zero at which a step was committed: the first agent had it then. */
export function committedAt(outcome: LiveOutcome, step: Step): number | undefined {
  const { oldKeyset, newKeyset, log, startedAt } = outcome;
  const has: Record<Step, (note: TrustNote) => boolean> = {
    prepare: ({ keysets }) => keysets[newKeyset] !== undefined,
    activate: ({ keysets }) => keysets[newKeyset] === 'ACTIVE',
    taint: ({ keysets }) => keysets[oldKeyset] === 'TAINTED',
    remove: ({ keysets }) => keysets[newKeyset] !== undefined && keysets[oldKeyset] === undefined,
  };
  const ran = outcome.steps.some((done) => done.step === step);
  const note = ran ? log.trust.find(has[step]) : undefined;
  return note === undefined ? undefined : note.at - startedAt;
}

class Measured {
  readonly #outcome: LiveOutcome;
  readonly #recorder: Recorder;
  readonly #lastedMs: number;
  readonly #taintedAt: number | undefined;
  readonly #removedAt: number | undefined;

  constructor(outcome: LiveOutcome) {
    this.#outcome = outcome;
    this.#lastedMs = outcome.endedAt - outcome.startedAt;
    this.#recorder = new Recorder(this.#lastedMs);
    this.#taintedAt = committedAt(outcome, 'taint');
    this.#removedAt = committedAt(outcome, 'remove');
  }

  report(): FleetReport {
    const { scenario, seed, capacity } = this.#outcome;
    const plans = agentPlans(scenario, seed);
    const svids = plans.reduce((sum, plan) => sum + plan.svids, 0);
    this.#recordArrivals(svids);
    this.#recordMessages();
    this.#recordSignatures();
    const recorder = this.#recorder;
    const servers = { ...scenario.servers, capacity };
    return {
      ...{ name: scenario.name, description: scenario.description, source: 'measured', seed },
      fleet: { agents: scenario.agents.count, svids, tooOld: 0, rule: scenario.agents.rule },
      servers: { replicas: servers.replicas, capacity: Math.round(capacity), keyManager: scenario.keyManager.kind },
      ttl: { x509Ms: scenario.svids.x509TTL, jwtMs: scenario.svids.jwtTTL },
      ...{ lastedMs: this.#lastedMs, finished: this.#outcome.finished },
      steps: this.#steps(),
      rotationFailure: this.#outcome.rotationFailure,
      failures: scenario.failures.map((failure) => ({ atMs: failure.atMs, text: failureText(failure) })),
      wave: this.#wave(),
      load: loadFrom(recorder, { ...scenario, servers }),
      keyManager: this.#keyManager(),
      gaps: [...recorder.causes].map(([cause, gap]) => ({ cause, ...gap })),
      firsts: this.#firsts(svids),
      holes: recorder.holes,
      unanswered: recorder.totals,
      curves: curvesOf(recorder, this.#lastedMs),
    };
  }

  #rel(at: number): number {
    return at - this.#outcome.startedAt;
  }

  /** Who held what when: moments of the wave, gaps and first SVIDs. */
  #recordArrivals(svids: number): void {
    const { log, oldKeyset, scenario, startedAt } = this.#outcome;
    const recorder = this.#recorder;
    const held: (ArrivalNote | undefined)[] = new Array<undefined>(svids).fill(undefined);
    const startOf = new Map(log.starts.map(({ agent, at }) => [agent, at]));
    let second = 0;
    const tick = (until: number): void => {
      for (; (second + 1) * 1000 <= until; second++) {
        recorder.onOld[second] = this.#isTainted((second + 1) * 1000) ? recorder.oldNow : NaN;
      }
    };
    const wave = { begun: false };
    const begin = (now: number): void => {
      if (wave.begun || !this.#isTainted(now)) return;
      wave.begun = true;
      recorder.taintBegins(held.filter((arrival) => arrival?.keyset === oldKeyset).length);
    };
    for (const arrival of log.arrivals) {
      const now = this.#rel(arrival.at);
      begin(now);
      tick(now);
      const before = held[arrival.svid];
      if (before !== undefined) this.#gapBetween(before, arrival.at);
      else if (scenario.agents.start === 'cold') {
        recorder.firstCame(arrival.at - (startOf.get(arrival.agent) ?? startedAt));
      }
      if (wave.begun && before?.keyset === oldKeyset && arrival.keyset !== oldKeyset) recorder.replaced(now);
      held[arrival.svid] = arrival;
    }
    begin(this.#lastedMs);
    tick(this.#lastedMs + 1000);
    for (const arrival of held) if (arrival !== undefined) this.#gapBetween(arrival, undefined);
  }

  #isTainted(now: number): boolean {
    return this.#taintedAt !== undefined && now >= this.#taintedAt;
  }

  /** An SVID that was not followed in time; `next`: when it was, if it was. */
  #gapBetween({ keyset, notAfter }: ArrivalNote, next: number | undefined): void {
    const { oldKeyset, endedAt, startedAt } = this.#outcome;
    const removed = keyset === oldKeyset && this.#removedAt !== undefined ? this.#removedAt + startedAt : Infinity;
    const validUntil = Math.min(notAfter, removed);
    const until = next ?? endedAt;
    if (validUntil >= until) return;
    const cause = removed < notAfter ? CAUSES.removed : CAUSES.late;
    this.#recorder.gap(cause, until - validUntil, next === undefined ? 'open' : 'closed');
  }

  #recordMessages(): void {
    const { log } = this.#outcome;
    const recorder = this.#recorder;
    const isWave = takenOver(log.waits);
    for (const message of log.messages) {
      const [sentAt, endedAt] = [this.#rel(message.sentAt), this.#rel(message.endedAt)];
      // What ended before the scenario began belongs to the coming up of the fleet.
      if (endedAt < 0) continue;
      recorder.add(recorder.asked, Math.max(0, sentAt), message.items);
      const reason = !message.renewal ? 'first' : isWave(message) ? 'wave' : 'ordinary';
      recorder.add(recorder.minted[reason], endedAt, message.issued);
      const latency = message.renewal ? recorder.renewalLatency : recorder.firstLatency;
      if (message.issued > 0) latency.add(Math.floor(endedAt / 1000), endedAt - sentAt, message.issued);
      this.#recordFailure(message, endedAt);
    }
    this.#recordWaiting();
  }

  #recordFailure({ failure, items, issued }: MessageNote, endedAt: number): void {
    if (failure === undefined) return;
    const recorder = this.#recorder;
    recorder.add(recorder.failed, endedAt, items - issued);
    const total = { late: 'timedOut', refused: 'shed', lost: 'lost' } as const;
    recorder.totals[total[failure]] += items - issued;
  }

  /** SVIDs that were asked for and not answered, at the end of each second. */
  #recordWaiting(): void {
    const changes = this.#outcome.log.messages
      .flatMap(({ sentAt, endedAt, items }) => [
        [this.#rel(sentAt), items] as const,
        [this.#rel(endedAt), -items] as const,
      ])
      .sort((a, b) => a[0] - b[0]);
    let waiting = 0;
    let next = 0;
    for (let second = 0; second < this.#recorder.waiting.length; second++) {
      for (; (changes[next]?.[0] ?? Infinity) <= (second + 1) * 1000; next++) waiting += changes[next]?.[1] ?? 0;
      this.#recorder.waiting[second] = waiting;
    }
  }

  #recordSignatures(): void {
    const recorder = this.#recorder;
    for (const { at, made } of this.#outcome.signatures) {
      recorder.add(made ? recorder.signatures : recorder.throttled, Math.max(0, this.#rel(at)), 1);
    }
    const minted = Object.values(recorder.minted).reduce((sum, column) => sum + total(column), 0);
    // The certificate of the new keyset is a signature, too.
    const certificates = this.#outcome.steps.length > 0 ? 1 : 0;
    recorder.totals.wasted = Math.max(0, total(recorder.signatures) - minted - certificates);
  }

  #steps(): StepRecord[] {
    return this.#outcome.steps.map(({ step, runAt, returnedAt }) => ({
      step,
      runAt: this.#rel(runAt),
      committedAt: committedAt(this.#outcome, step) ?? this.#rel(returnedAt),
      returnedAt: this.#rel(returnedAt),
    }));
  }

  #wave(): Wave | undefined {
    const taintedAt = this.#taintedAt;
    if (taintedAt === undefined) return undefined;
    const { moments, oldAtTaint, oldNow } = this.#recorder;
    const [t50, t90, t99, t100] = moments.map((at) => (at === undefined ? undefined : at - taintedAt));
    return {
      svids: oldAtTaint,
      ...{ t50Ms: t50, t90Ms: t90, t99Ms: t99, t100Ms: t100 },
      ...{ remaining: oldNow, remainingTooOld: 0, tooOldDoneMs: undefined },
    };
  }

  #keyManager(): KeyManagerUse | undefined {
    const { kind, quota, pricePer10000, currency } = this.#outcome.scenario.keyManager;
    if (kind !== 'remote') return undefined;
    const { signatures, throttled } = this.#recorder;
    const calls = total(signatures);
    const both = signatures.map((count, i) => count + (throttled[i] ?? 0));
    return {
      ...{ calls, throttled: total(throttled), peakPerSecond: peakOver(both, 1), quota },
      quotaShare: quota === undefined ? undefined : peakOver(signatures, 1) / quota,
      cost: (calls * pricePer10000) / 10_000,
      currency,
    };
  }

  #firsts(svids: number): Firsts | undefined {
    const { firsts, firstsDone, firstLongestMs } = this.#recorder;
    if (this.#outcome.scenario.agents.start !== 'cold') return undefined;
    return {
      ...{ done: firstsDone, missing: svids - firstsDone, longestMs: firstLongestMs },
      ...{ p50Ms: firsts.quantile(0, 1, 0.5), p99Ms: firsts.quantile(0, 1, 0.99) },
    };
  }
}

function total(column: Float64Array): number {
  return column.reduce((sum, count) => sum + count, 0);
}

function adviceOf(report: FleetReport, { scenario }: LiveOutcome): Foresight['remove'] {
  const { wave, steps, gaps } = report;
  const [activate, taint] = (['activate', 'taint'] as const).map((step) => steps.find((done) => done.step === step));
  if (wave === undefined || activate === undefined || taint === undefined) return undefined;
  const { removeAfter } = scenario.rotation;
  const hurt = gaps.filter(({ cause }) => cause === CAUSES.removed).reduce((sum, gap) => sum + gap.identities, 0);
  const published = taint.returnedAt - taint.committedAt;
  return {
    x509WaitMs: wave.t100Ms === undefined ? undefined : Math.max(0, wave.t100Ms - published),
    atThisPaceMs: undefined,
    becauseOfTooOld: false,
    jwtWaitMs: Math.max(0, activate.committedAt + scenario.svids.jwtTTL - taint.returnedAt),
    asked: removeAfter === undefined ? undefined : { waitMs: removeAfter, identities: hurt },
  };
}

function factsOf(outcome: LiveOutcome, report: FleetReport): LiveFacts {
  const { log, stormBeganAt, fullAgents, startedAt } = outcome;
  const firsts = new Map<number, number>();
  for (const { svid, at } of log.arrivals) if (!firsts.has(svid)) firsts.set(svid, at);
  const latest = (moments: Iterable<number>): number => {
    return [...moments].reduce((last, at) => Math.max(last, at), stormBeganAt) - stormBeganAt;
  };
  const taintedAt = report.steps.find(({ step }) => step === 'taint')?.committedAt;
  const { lastRenewedAt, ...full } = fullAgents ?? {};
  return {
    storm: {
      agents: report.fleet.agents,
      lastLoginMs: latest(log.logins.map(({ at }) => at)),
      lastSvidMs: latest(firsts.values()),
    },
    capacity: outcome.capacity,
    streamsEnded: log.ends.filter(({ at }) => at >= startedAt).length,
    machine: outcome.machine,
    fullAgents:
      fullAgents === undefined
        ? undefined
        : {
            ...(full as Omit<typeof fullAgents, 'lastRenewedAt'>),
            lastRenewedMs:
              lastRenewedAt === undefined || taintedAt === undefined
                ? undefined
                : lastRenewedAt - startedAt - taintedAt,
          },
  };
}
