import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { endsWithRun } from './leftovers.js';
import { cpuSeconds, memoryKib } from './usage.js';

export const projectRoot = fileURLToPath(new URL('../../../', import.meta.url));

/** Where CPU profiles of the programs under test are written, when asked for. */
export interface Profiling {
  readonly folder: string;
}

/** What a program under test had used when it was told to end. */
export interface ProgramUsage {
  readonly name: string;
  /** User and system. */
  readonly cpuSeconds: number;
  readonly peakKib: number;
}

const usages: ProgramUsage[] = [];

/** Of the programs that have ended since the last time this was asked. */
export function takeUsages(): readonly ProgramUsage[] {
  return usages.splice(0);
}

/** A program under test. */
export class Program {
  readonly #child: ChildProcess;
  readonly #log: string;
  readonly name: string;

  /** `command` runs with its output in `log`; Node programs are profiled when asked; `env` is added to this process's. */
  constructor(
    name: string,
    command: readonly string[],
    log: string,
    profiling?: Profiling,
    env: Readonly<Record<string, string>> = {},
  ) {
    const [program = '', ...args] = command;
    const profile = [
      '--cpu-prof',
      `--cpu-prof-dir=${profiling?.folder ?? ''}`,
      `--cpu-prof-name=${name}-${Date.now()}.cpuprofile`,
    ];
    const fd = openSync(log, 'a', 0o600);
    const isNode = program === process.execPath;
    this.#child = spawn(program, isNode && profiling !== undefined ? [...profile, ...args] : args, {
      cwd: projectRoot,
      env: { ...process.env, ...env },
      stdio: ['ignore', fd, fd],
    });
    closeSync(fd);
    endsWithRun(this.#child);
    this.name = name;
    this.#log = log;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Throws, with the end of its log, when it has ended. */
  check(): void {
    if (this.#child.exitCode === null && this.#child.signalCode === null) return;
    throw new Error(`${this.name} has ended:\n${readFileSync(this.#log, 'utf8').slice(-2_000)}`);
  }

  /** The first match of `pattern` in what the program has written so far. */
  logged(pattern: RegExp): RegExpExecArray | undefined {
    return pattern.exec(readFileSync(this.#log, 'utf8')) ?? undefined;
  }

  /** SIGTERM, and its end. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    usages.push({ name: this.name, cpuSeconds: cpuSeconds(this.pid), peakKib: memoryKib(this.pid).peak });
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await ended;
  }
}

/** Runs `attempt` until it succeeds or `program` has ended. */
export async function untilReady<T>(program: Program, attempt: () => Promise<T>): Promise<T> {
  for (const limit = performance.now() + 60_000; ;) {
    try {
      return await attempt();
    } catch (error) {
      program.check();
      if (performance.now() > limit) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
