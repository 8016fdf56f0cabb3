import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Scenario } from '../fleet/scenario.js';
import { existingServer, type ExistingServerOptions } from '../live/existing-server.js';
import { liveResult, type LiveResult } from '../live/live-report.js';
import { runLive, type LiveOutcome } from '../live/live-run.js';
import { checkLive } from '../live/live-scenario.js';
import { LiveServer } from '../live/live-server.js';
import type { LiveTarget } from '../live/live-target.js';
import { measuredTrace } from '../live/live-trace.js';
import { compare, type Comparison } from '../report/fleet-comparison.js';
import { comparisonHtml } from '../report/fleet-comparison-html.js';
import { comparisonText } from '../report/fleet-comparison-text.js';
import { fleetHtml } from '../report/fleet-html.js';
import { simulatedTrace } from '../report/fleet-trace.js';
import { fleetText } from '../report/fleet-text.js';
import { liveText } from '../report/live-text.js';
import type { PerfTerminal } from './perf-terminal.js';
import { readScenario } from './simulate-command.js';

export interface LiveCommandOptions extends Partial<ExistingServerOptions> {
  readonly seed: readonly number[];
  readonly set: readonly string[];
  readonly output: 'text' | 'json';
  readonly html?: string;
  readonly compare?: boolean;
  readonly capacity?: number;
  readonly processes: number;
  readonly fullAgents: number;
  readonly workloads: number;
}

/** One run, and what the simulator had said of it. */
export interface LiveRunReport {
  readonly result: LiveResult;
  readonly comparison: Comparison | undefined;
}

/** Runs the scenario once per seed. */
export async function liveCommand(terminal: PerfTerminal, file: string, options: LiveCommandOptions): Promise<void> {
  const scenario = readScenario(terminal, file, options.set);
  checkLive(scenario, file);
  const signal = terminal.untilStopped();
  const runs: LiveRunReport[] = [];
  for (const seed of options.seed) {
    const run = await liveOnce(terminal, scenario, seed, options, signal);
    runs.push(run);
    if (options.output === 'text') terminal.out(runText(run));
  }
  if (options.output === 'json') terminal.out(`${JSON.stringify(runs.length === 1 ? runs[0] : runs, undefined, 2)}\n`);
  if (options.html !== undefined) {
    const comparisons = runs.flatMap(({ comparison }) => comparison ?? []);
    const [first] = runs;
    const page = comparisons.length > 0 || first === undefined ? comparisonHtml(comparisons) : fleetHtml(first.result);
    terminal.write(options.html, page);
    terminal.err(`The page is ${options.html}\n`);
  }
}

/** A run in a directory of its own, which is gone afterwards as its processes are. */
export async function liveOnce(
  terminal: PerfTerminal,
  scenario: Scenario,
  seed: number,
  options: Omit<LiveCommandOptions, 'seed' | 'set' | 'output'>,
  signal: AbortSignal,
): Promise<LiveRunReport> {
  const { clock } = terminal;
  const dir = mkdtempSync(join(tmpdir(), 'spirl-live-'));
  // The workloads of full agents are other users.
  chmodSync(dir, 0o711);
  let target: LiveTarget | undefined;
  try {
    const { server } = options;
    target =
      server === undefined
        ? await LiveServer.start(dir, scenario, seed, clock, signal)
        : await existingServer({ allowRemote: false, ...options, server }, scenario, clock, signal);
    const { processes, fullAgents, workloads, capacity } = options;
    const say = (sentence: string): void => terminal.err(`[seed ${seed}] ${sentence}\n`);
    const settings = { seed, processes, fullAgents, workloads, capacity, dir, clock, say };
    const outcome = await runLive(scenario, target, settings, signal);
    return {
      result: liveResult(outcome),
      comparison: options.compare === true ? comparisonOf(outcome) : undefined,
    };
  } finally {
    await target?.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

/** The simulation is told the measured capacity, and nothing else of the run. */
function comparisonOf(outcome: LiveOutcome): Comparison | undefined {
  const { scenario, seed, capacity } = outcome;
  const measured = measuredTrace(outcome);
  const calibrated = { ...scenario, servers: { ...scenario.servers, capacity } };
  const simulated = simulatedTrace(calibrated, seed);
  if (measured === undefined || simulated === undefined) return undefined;
  return compare(scenario, { seed, capacity }, simulated, measured);
}

function runText({ result, comparison }: LiveRunReport): string {
  const compared = comparison === undefined ? '' : `\n${comparisonText(comparison)}`;
  return `${fleetText(result)}\n${liveText(result.live)}${compared}\n`;
}
