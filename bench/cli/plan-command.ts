import { formatDuration } from '../../src/runtime/duration.js';
import { RENEWALS_PER_SECOND } from '../../src/svid/renewal-gate.js';
import { TAINT_DELAY_MAX_MS } from '../../src/svid/taint-wave.js';
import { planFor, PlanOutOfTime, type Plan } from '../fleet/plan.js';
import type { Goal } from '../fleet/plan-trial.js';
import { capacityText, countText, timeText } from '../report/fleet-words.js';
import { progressBar } from './progress-bar.js';
import { readCapacity, readScenario } from './simulate-command.js';
import type { PerfTerminal } from './perf-terminal.js';

/** The simulation of the whole fleet, which confirms a plan, takes at most so long. */
const VERIFY_MS = 120_000;

export interface PlanOptions {
  readonly within: number;
  readonly replicas?: number;
  readonly kmsRate?: number;
  readonly mayWait: number;
  readonly seed: number;
  readonly set: readonly string[];
  readonly capacityFrom?: string;
  readonly output: 'text' | 'json';
}

/** Returns whether there is a plan. */
export function planCommand(terminal: PerfTerminal, file: string, options: PlanOptions): boolean {
  const capacity = readCapacity(terminal, options.capacityFrom);
  const scenario = readScenario(terminal, file, [...(capacity?.set ?? []), ...options.set]);
  const goal: Goal = {
    withinMs: options.within,
    replicas: options.replicas ?? scenario.servers.replicas,
    signaturesPerSecond: options.kmsRate,
    mayWaitMs: options.mayWait,
  };
  const bar = progressBar(terminal);
  const startedAt = terminal.clock.monotonic();
  const plan = planFor(scenario, goal, options.seed, {
    progress: (part) => {
      bar.show(part);
      if (terminal.clock.monotonic() - startedAt > VERIFY_MS) throw new PlanOutOfTime();
    },
  });
  bar.clear();
  terminal.out(
    options.output === 'json'
      ? `${JSON.stringify({ goal, capacityFrom: capacity?.from, plan }, undefined, 2)}\n`
      : planText(goal, plan) + capacityLine(scenario.servers.capacity, capacity?.from),
  );
  return plan.meets;
}

function capacityLine(perSecond: number, from: string | undefined): string {
  const sentence = capacityText(perSecond, from);
  return `${sentence[0]?.toUpperCase()}${sentence.slice(1)}.\n`;
}

function planText(goal: Goal, plan: Plan): string {
  const limit =
    goal.signaturesPerSecond === undefined
      ? ''
      : `, at most ${countText(goal.signaturesPerSecond)} signatures per second`;
  const head = `Wanted: every X.509-SVID renewed within ${timeText(goal.withinMs)} of the taint, ${goal.replicas} replicas${limit}.\n\n`;
  if (!plan.meets) {
    const reasons = plan.reasons.map((reason) => `  - ${reason}\n`).join('');
    return `${head}✗ There is no such plan:\n${reasons}${basisText(plan)}`;
  }
  const { settings, predicted } = plan;
  const wait =
    settings.activateToTaintMs === 0
      ? 'taint'
      : `wait ${formatDuration(settings.activateToTaintMs)} while ordinary renewals move to the new keyset, then taint`;
  const delay = `${settings.taintDelayMs / 1000} s${settings.taintDelayMs === TAINT_DELAY_MAX_MS ? ', as shipped' : ''}`;
  const rate = `${settings.renewalsPerSecond} per second${settings.renewalsPerSecond === RENEWALS_PER_SECOND ? ', as shipped' : ''}`;
  return `${head}✓ prepare; activate; ${wait}; remove not before ${timeText(Math.ceil(predicted.t100Ms / 1000) * 1000)} after the taint.
  random delay of the agents   at most ${delay}
  renewals of one agent        ${rate}
  predicted: all renewed       ${timeText(predicted.t100Ms)}
  predicted: peak              ${countText(predicted.peakPerSecond)} SVIDs per second
  predicted: signatures        ${countText(predicted.signatures)}
${basisText(plan)}`;
}

/** What the answer rests on. */
function basisText({ meets, basis }: Plan): string {
  const { agents, sampleAgents, verified, simulations } = basis;
  if (simulations === 0) return '\nThat follows from the scenario’s figures alone; nothing was simulated.\n';
  const sample =
    sampleAgents === agents
      ? `all ${countText(agents)} agents`
      : `a sample of ${countText(sampleAgents)} of ${countText(agents)} agents, with servers and key manager scaled alike`;
  const all =
    sampleAgents === agents || !meets
      ? ''
      : verified === 'out of time'
        ? ` The whole fleet was not simulated to its end within ${VERIFY_MS / 1000} s.`
        : ' The figures are those of the whole fleet, simulated once with the result.';
  return `\n${simulations} simulation${simulations === 1 ? '' : 's'}, the search on ${sample}.${all} The scenario’s failures are part of them.\n`;
}
