import type { LiveRun } from '../live/live-once.js';
import type { Scenario } from '../fleet/scenario.js';
import type { PerfTerminal } from './perf-terminal.js';

interface StoredRun {
  /** Scenario and seed, as text: another value of any setting is another run. */
  readonly key: string;
  readonly run: LiveRun;
}

/** Runs that took minutes, kept in a file: a series that was interrupted goes on where it ended. */
export class RunStore {
  readonly #terminal: PerfTerminal;
  readonly #file: string | undefined;
  readonly #runs: StoredRun[];

  /** Without a file nothing is kept. Throws when it is there and is not one of ours. */
  constructor(terminal: PerfTerminal, file: string | undefined) {
    this.#terminal = terminal;
    this.#file = file;
    this.#runs = file === undefined ? [] : stored(terminal, file);
  }

  find(scenario: Scenario, seed: number): LiveRun | undefined {
    const key = keyOf(scenario, seed);
    return this.#runs.find((stored) => stored.key === key)?.run;
  }

  keep(scenario: Scenario, seed: number, run: LiveRun): void {
    if (this.#file === undefined) return;
    this.#runs.push({ key: keyOf(scenario, seed), run });
    this.#terminal.write(this.#file, `${JSON.stringify({ format: 1, runs: this.#runs })}\n`);
  }
}

function keyOf(scenario: Scenario, seed: number): string {
  return JSON.stringify([scenario, seed]);
}

function stored(terminal: PerfTerminal, file: string): StoredRun[] {
  let text: string;
  try {
    text = terminal.read(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  try {
    const { format, runs } = JSON.parse(text) as { format?: number; runs?: StoredRun[] };
    if (format === 1 && Array.isArray(runs)) return runs;
  } catch {
    // Said below.
  }
  throw new Error(`${file} is not a file of results of spirl-perf live`);
}
