import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Scenario } from '../fleet/scenario.js';
import { compare, type Comparison } from '../report/fleet-comparison.js';
import { simulatedTrace } from '../report/fleet-trace.js';
import { existingServer, type ExistingServerOptions } from './existing-server.js';
import { liveResult, type LiveResult } from './live-report.js';
import { runLive, type LiveOptions, type LiveOutcome } from './live-run.js';
import { LiveServer } from './live-server.js';
import type { LiveTarget } from './live-target.js';
import { measuredTrace } from './live-trace.js';

export interface LiveOnceOptions
  extends Omit<LiveOptions, 'dir' | 'seed' | 'capacity'>, Partial<Omit<ExistingServerOptions, 'clock'>> {
  readonly capacity?: number;
  readonly compare?: boolean;
}

/** One run, and what the simulator says of it. */
export interface LiveRunReport {
  readonly result: LiveResult;
  readonly comparison: Comparison | undefined;
}

/** A run in a directory of its own, which is gone afterwards as its processes are. */
export async function liveOnce(
  scenario: Scenario,
  seed: number,
  options: LiveOnceOptions,
  signal: AbortSignal,
): Promise<LiveRunReport> {
  const { server, clock } = options;
  const dir = mkdtempSync(join(tmpdir(), 'spirl-live-'));
  // The workloads of full agents are other users.
  chmodSync(dir, 0o711);
  let target: LiveTarget | undefined;
  try {
    target =
      server === undefined
        ? await LiveServer.start(dir, scenario, seed, clock, signal)
        : await existingServer({ allowRemote: false, ...options, server }, scenario, clock, signal);
    const { processes, fullAgents, workloads, capacity, say } = options;
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
