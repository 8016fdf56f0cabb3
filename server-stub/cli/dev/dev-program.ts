import { spawn, type ChildProcess } from 'node:child_process';
import { open, rename, stat, type FileHandle } from 'node:fs/promises';
import type { Clock } from 'spirl-agent/runtime/clock.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';

/** After that it is killed; the whole stop has 5 s. */
const STOP_MS = 4_000;
/** A program that ran this long starts again without delay. */
const STEADY_MS = 10_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;
/** A log longer than this is put aside at a start; one older log is kept. */
const LOG_MAX_BYTES = 10 * 1024 * 1024;
const TAIL_BYTES = 2_000;

export interface DevProgramOptions {
  readonly name: string;
  readonly node: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: string;
  readonly clock: Clock;
  /** Told of each end that nobody asked for. */
  readonly onRestart: (text: string) => void;
}

/** A program that is kept running. Before `settled` its end is a failure; afterwards it is started again. */
export class DevProgram {
  settled = false;
  readonly #options: DevProgramOptions;
  #child: ChildProcess | undefined;

  constructor(options: DevProgramOptions) {
    this.#options = options;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Runs until `signal` aborts, then stops the program. Throws UNAVAILABLE with the end of its log. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, name, onRestart } = this.#options;
    let pause = FIRST_PAUSE_MS;
    const stopped = (): boolean => signal.aborted;
    while (!stopped()) {
      const startedAt = clock.monotonic();
      const { how, tail } = await this.#once(signal);
      if (stopped()) return;
      if (!this.settled) throw new SpirlError('UNAVAILABLE', `${name} ended (${how}):\n${tail}`);
      const steady = clock.monotonic() - startedAt >= STEADY_MS;
      pause = steady ? FIRST_PAUSE_MS : Math.min(2 * pause, LONGEST_PAUSE_MS);
      onRestart(`${name} ended (${how}), starting it again`);
      await clock.sleep(pause, signal);
    }
  }

  async #once(signal: AbortSignal): Promise<{ how: string; tail: string }> {
    const log = await openLog(this.#options.log);
    const { size } = await log.stat();
    try {
      const how = await this.#spawn(log.fd, signal);
      return { how, tail: await tailOf(log, size) };
    } finally {
      await log.close();
    }
  }

  #spawn(log: number, signal: AbortSignal): Promise<string> {
    const { node, args, env, clock } = this.#options;
    // The channel closes when this process ends, however it ends: the program sees that and stops. Its own process group:
    // Ctrl-C reaches it through us only.
    const child = spawn(node, args, { env, stdio: ['ignore', log, log, 'ipc'], detached: true });
    this.#child = child;
    const gone = new AbortController();
    const stop = (): void => {
      child.kill('SIGTERM');
      clock.sleep(STOP_MS, gone.signal).then(
        () => child.kill('SIGKILL'),
        () => {},
      );
    };
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    return new Promise<string>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, killedBy) => resolve(killedBy ?? `exit code ${code ?? '?'}`));
    }).finally(() => {
      gone.abort();
      signal.removeEventListener('abort', stop);
    });
  }
}

/** For appending, and for reading the end; mode 0600. */
async function openLog(path: string): Promise<FileHandle> {
  const { size } = await stat(path).catch(() => ({ size: 0 }));
  if (size > LOG_MAX_BYTES) await rename(path, `${path}.1`);
  return open(path, 'a+', 0o600);
}

/** What was written after `from`, at most its last lines. */
async function tailOf(log: FileHandle, from: number): Promise<string> {
  const { size } = await log.stat();
  const start = Math.max(from, size - TAIL_BYTES);
  const { buffer, bytesRead } = await log.read(Buffer.alloc(TAIL_BYTES), 0, Math.min(TAIL_BYTES, size - start), start);
  const text = buffer.toString('utf8', 0, bytesRead);
  return (start > from ? text.slice(text.indexOf('\n') + 1) : text).trimEnd();
}
