import { dirname, join } from 'node:path';
import type { Scenario } from '../fleet/scenario.js';
import type { ExistingServerOptions } from '../live/existing-server.js';
import type { LiveResult } from '../live/live-report.js';
import { comparisonOf, liveOnce, type LiveOnceOptions, type LiveRun } from '../live/live-once.js';
import { checkLive } from '../live/live-scenario.js';
import type { Comparison } from '../report/fleet-comparison.js';
import { comparisonPage } from '../report/comparison-page.js';
import { comparisonHtml } from '../report/fleet-comparison-html.js';
import { comparisonText } from '../report/fleet-comparison-text.js';
import { fleetHtml } from '../report/fleet-html.js';
import { fleetText } from '../report/fleet-text.js';
import { liveText } from '../report/live-text.js';
import type { PerfTerminal } from './perf-terminal.js';
import { RunStore } from './run-store.js';
import { readScenario } from './simulate-command.js';

export interface LiveCommandOptions extends Partial<ExistingServerOptions> {
  readonly seed: readonly number[];
  readonly set: readonly string[];
  readonly output: 'text' | 'json';
  readonly html?: string;
  readonly markdown?: string;
  readonly results?: string;
  readonly compare?: boolean;
  readonly capacity?: number;
  readonly processes: number;
  readonly fullAgents: number;
  readonly workloads: number;
}

/** One run, and what the simulator says of it. */
export interface LiveRunReport {
  readonly result: LiveResult;
  readonly comparison: Comparison | undefined;
}

interface Subject {
  /** As it was named. */
  readonly file: string;
  readonly scenario: Scenario;
  readonly runs: LiveRunReport[];
}

/** Runs each scenario once per seed. All of them are read, and refused, before the first is run. */
export async function liveCommand(
  terminal: PerfTerminal,
  files: readonly string[],
  options: LiveCommandOptions,
): Promise<void> {
  if (options.markdown !== undefined && options.compare !== true) throw new Error('--markdown needs --compare');
  const subjects = files.map((file): Subject => {
    const scenario = readScenario(terminal, file, options.set);
    checkLive(scenario, file);
    return { file, scenario, runs: [] };
  });
  const signal = terminal.untilStopped();
  const store = new RunStore(terminal, options.results);
  for (const { scenario, runs } of subjects) {
    for (const seed of options.seed) {
      const say = (sentence: string): void => terminal.err(`[seed ${seed}] ${sentence}\n`);
      const run = await storedOrRun(store, scenario, seed, { ...options, clock: terminal.clock, say }, signal);
      const compared = options.compare === true ? comparisonOf(scenario, run) : undefined;
      runs.push({ result: run.result, comparison: compared });
      if (options.output === 'text') terminal.out(runText({ result: run.result, comparison: compared }));
    }
  }
  const all = subjects.flatMap(({ runs }) => runs);
  if (options.output === 'json') terminal.out(`${JSON.stringify(all.length === 1 ? all[0] : all, undefined, 2)}\n`);
  if (options.html !== undefined) writeHtml(terminal, options.html, all);
  if (options.markdown !== undefined) writeMarkdown(terminal, options.markdown, subjects, options);
}

async function storedOrRun(
  store: RunStore,
  scenario: Scenario,
  seed: number,
  options: LiveOnceOptions,
  signal: AbortSignal,
): Promise<LiveRun> {
  const known = store.find(scenario, seed);
  if (known !== undefined) return known;
  const run = await orStopped(liveOnce(scenario, seed, options, signal), signal);
  store.keep(scenario, seed, run);
  return run;
}

async function orStopped<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    if (!signal.aborted) throw cause;
    throw new Error('stopped before the end; the processes of the run have ended and their files are gone', { cause });
  }
}

function runText({ result, comparison }: LiveRunReport): string {
  const compared = comparison === undefined ? '' : `\n${comparisonText(comparison)}`;
  return `${fleetText(result)}\n${liveText(result.live)}${compared}\n`;
}

function writeHtml(terminal: PerfTerminal, file: string, runs: readonly LiveRunReport[]): void {
  const comparisons = runs.flatMap(({ comparison }) => comparison ?? []);
  const [first] = runs;
  const page = comparisons.length > 0 || first === undefined ? comparisonHtml(comparisons) : fleetHtml(first.result);
  terminal.write(file, page);
  terminal.err(`The page is ${file}\n`);
}

/** The page, and its plots in a folder of the same name. */
function writeMarkdown(
  terminal: PerfTerminal,
  file: string,
  subjects: readonly Subject[],
  { seed }: LiveCommandOptions,
): void {
  const folder = file.replace(/^.*\//, '').replace(/\.md$/, '');
  const names = subjects.map((subject) => subject.file);
  const command = `node src/bin/spirl-perf.mjs live ${names.join(' ')} --compare --seed ${seed.join(',')} --markdown ${file}`;
  const compared = subjects.map(({ file: scenario, scenario: { description }, runs }) => ({
    ...{ scenario: scenario.replace(/^.*\//, '').replace(/\.yaml$/, ''), description },
    runs: runs.flatMap(({ comparison, result }) => {
      const gaps = result.report.gaps.reduce((sum, { identities }) => sum + identities, 0);
      return comparison === undefined ? [] : [{ comparison, machine: result.live.machine, gaps }];
    }),
  }));
  const { markdown, plots } = comparisonPage(compared, command, folder);
  terminal.write(file, markdown);
  for (const [name, svg] of plots) terminal.write(join(dirname(file), folder, name), svg);
  terminal.err(`The page is ${file}\n`);
}
