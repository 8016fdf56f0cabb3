import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** The line that `npm start -- -o json` prints when it is ready. */
export interface ReadyLine {
  readonly ready: true;
  readonly trustDomain: string;
  readonly deployment: string;
  readonly deploymentId: string;
  readonly clusterId: string;
  readonly workloadSocket: string;
  readonly adminSocket: string;
  readonly bundlePath: string;
  readonly agentMetrics: string;
  readonly serverMetrics: string;
  readonly agentPid: number;
  readonly serverPid: number;
}

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A trust domain on this machine, started as a user starts it. */
export interface Dev {
  readonly dir: string;
  readonly ready: ReadyLine;
  readonly process: ChildProcess;
  /** Runs `spirlctl` against its server. */
  spirlctl(...args: string[]): Promise<CommandResult>;
  /** Runs `spirldbg` against its agent. */
  spirldbg(...args: string[]): Promise<CommandResult>;
  /** Ctrl-C; resolves with the exit code. With `keep` the state directory stays. */
  stop(options?: { keep?: boolean }): Promise<number | null>;
}

export const projectRoot = fileURLToPath(new URL('../../../', import.meta.url));

/** Runs `npm start -- -o json` with its state in `dir` (default: a new temporary directory that others can enter). */
export async function startDev(options: { dir?: string; args?: readonly string[] } = {}): Promise<Dev> {
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'spirl-')));
  const child = spawn(process.execPath, ['src/bin/start.mjs', '--dir', dir, '-o', 'json', ...(options.args ?? [])], {
    cwd: projectRoot,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-20_000)));
  const ready = await readyLine(child).catch((error: unknown) => {
    child.kill('SIGKILL');
    throw new Error(`npm start did not become ready: ${String(error)}\n${stderr}`);
  });
  return {
    dir,
    ready,
    process: child,
    spirlctl: (...args) => runNode(['server-stub/bin/spirlctl.mjs', ...args], { SPIRL_SERVER: ready.adminSocket }),
    spirldbg: (...args) =>
      runNode(['src/bin/spirldbg.mjs', ...args], { SPIFFE_ENDPOINT_SOCKET: `unix://${ready.workloadSocket}` }),
    stop: async ({ keep = false } = {}) => {
      const ended = child.exitCode ?? (await end(child));
      if (!keep) await rm(dir, { recursive: true, force: true });
      return ended;
    },
  };
}

function readyLine(child: ChildProcess): Promise<ReadyLine> {
  return new Promise((resolve, reject) => {
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    lines.on('line', (line) => {
      if (line.startsWith('{"ready":true')) resolve(JSON.parse(line) as ReadyLine);
    });
    child.once('exit', (code) => reject(new Error(`it ended with ${String(code)}`)));
  });
}

function end(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    child.once('exit', (code) => resolve(code));
    child.kill('SIGINT');
  });
}

/** Runs a program of the project to its end. */
export function runNode(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<CommandResult> {
  return run(process.execPath, args, env);
}

/** Runs any command in the project's folder to its end. */
export function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: projectRoot,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}
