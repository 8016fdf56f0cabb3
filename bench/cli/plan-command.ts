import { formatDuration } from '../../src/runtime/duration.js';
import { planFor, type Goal, type Plan } from '../fleet/plan.js';
import { countText, timeText } from '../report/fleet-words.js';
import { readScenario } from './simulate-command.js';
import type { PerfTerminal } from './perf-terminal.js';

export interface PlanOptions {
  readonly within: number;
  readonly replicas?: number;
  readonly kmsRate?: number;
  readonly mayWait: number;
  readonly seed: number;
  readonly set: readonly string[];
  readonly output: 'text' | 'json';
}

/** Returns whether there is a plan. */
export function planCommand(terminal: PerfTerminal, file: string, options: PlanOptions): boolean {
  const scenario = readScenario(terminal, file, options.set);
  const goal: Goal = {
    withinMs: options.within,
    replicas: options.replicas ?? scenario.servers.replicas,
    signaturesPerSecond: options.kmsRate,
    mayWaitMs: options.mayWait,
  };
  const plan = planFor(scenario, goal, options.seed);
  terminal.out(options.output === 'json' ? `${JSON.stringify({ goal, plan }, undefined, 2)}\n` : planText(goal, plan));
  return plan.meets;
}

function planText(goal: Goal, plan: Plan): string {
  const limit =
    goal.signaturesPerSecond === undefined
      ? ''
      : `, at most ${countText(goal.signaturesPerSecond)} signatures per second`;
  const head = `Wanted: every X.509-SVID renewed within ${timeText(goal.withinMs)} of the taint, ${goal.replicas} replicas${limit}.\n\n`;
  if (!plan.meets)
    return `${head}✗ There is no such plan:\n${plan.reasons.map((reason) => `  - ${reason}\n`).join('')}`;
  const { settings, predicted, shipped } = plan;
  const wait =
    settings.activateToTaintMs === 0
      ? 'taint'
      : `wait ${formatDuration(settings.activateToTaintMs)} while ordinary renewals move to the new keyset, then taint`;
  const delay = `${settings.taintDelayMs / 1000} s${shipped ? ', as shipped' : ''}`;
  return `${head}✓ prepare; activate; ${wait}; remove not before ${timeText(Math.ceil(predicted.t100Ms / 1000) * 1000)} after the taint.
  random delay of the agents   at most ${delay}
  renewals of one agent        ${settings.renewalsPerSecond} per second
  predicted: all renewed       ${timeText(predicted.t100Ms)}
  predicted: peak              ${countText(predicted.peakPerSecond)} SVIDs per second
  predicted: signatures        ${countText(predicted.signatures)}
`;
}
