import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Scenario } from '../fleet/scenario.js';
import { compare, type Comparison } from '../report/fleet-comparison.js';
import { simulatedTrace, type FleetTrace } from '../report/fleet-trace.js';
import { calibrated } from './calibrated.js';
import { existingServer, type ExistingServerOptions } from './existing-server.js';
import { liveResult, type LiveResult } from './live-report.js';
import { runLive, type LiveOptions } from './live-run.js';
import { LiveServer } from './live-server.js';
import type { LiveTarget } from './live-target.js';
import { measuredTrace } from './live-trace.js';

export interface LiveOnceOptions
  extends Omit<LiveOptions, 'dir' | 'seed' | 'capacity'>, Partial<Omit<ExistingServerOptions, 'clock'>> {
  readonly capacity?: number;
}

/** One run. */
export interface LiveRun {
  readonly result: LiveResult;
  /** What it is compared by; undefined: there was no taint. */
  readonly trace: FleetTrace | undefined;
}

/** A run in a directory of its own, which is gone afterwards as its processes are. */
export async function liveOnce(
  scenario: Scenario,
  seed: number,
  options: LiveOnceOptions,
  signal: AbortSignal,
): Promise<LiveRun> {
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
    return { result: liveResult(outcome), trace: measuredTrace(outcome) };
  } finally {
    await target?.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

/** The simulation is told the measured capacity, and nothing else of the run. */
export function comparisonOf(scenario: Scenario, { result, trace }: LiveRun): Comparison | undefined {
  const { seed } = result.report;
  const { capacity } = result.live;
  const simulated = simulatedTrace(calibrated(scenario, capacity), seed);
  if (trace === undefined || simulated === undefined) return undefined;
  return compare(scenario, { seed, capacity }, simulated, trace);
}
