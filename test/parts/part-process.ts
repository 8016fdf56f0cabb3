import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { projectRoot } from '../architecture/source-tree.js';

const READY_LIMIT_MS = 30_000;

/** A program from elsewhere that a test talks to. */
export interface Part {
  /** What it printed so far, both streams. */
  readonly output: () => string;
  readonly stop: () => Promise<void>;
}

/** A file below `.ci/parts`. Throws, naming the script that installs it, when it is missing. */
export function partFile(path: string, installer: string): string {
  const file = join(projectRoot, '.ci/parts', path);
  if (!existsSync(file)) throw new Error(`${path} is not installed: run "bash .ci/${installer}" first`);
  return file;
}

/** Starts a program and waits until `ready` says so; throws with what it printed when it ends before. */
export async function startPart(
  command: string,
  args: readonly string[],
  ready: () => Promise<boolean>,
  env: Readonly<Record<string, string>> = {},
): Promise<Part> {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text: Buffer) => {
      printed = (printed + text.toString('utf8')).slice(-200_000);
    });
  }
  const part: Part = { output: () => printed, stop: () => stop(child) };
  for (let waited = 0; waited < READY_LIMIT_MS; waited += 100) {
    if (child.exitCode !== null) throw new Error(`${command} ended: ${printed.slice(-2000)}`);
    if (await ready().catch(() => false)) return part;
    await delay(100);
  }
  await part.stop();
  throw new Error(`${command} was not ready after ${READY_LIMIT_MS / 1000} s: ${printed.slice(-2000)}`);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const late = delay(3000, undefined, { ref: false }).then(() => child.kill('SIGKILL'));
  await Promise.race([gone, late]);
  await gone;
}

/** A port of 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
