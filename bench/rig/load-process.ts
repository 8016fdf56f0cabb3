import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { endsWithRun } from './leftovers.js';

/** A separate process of the benchmark that does what it is told, one command at a time or several at once. */
export class LoadProcess<Commands extends Record<keyof Commands, (...args: never[]) => unknown>> {
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  #count = 0;

  /** `module` is a compiled file relative to `bench/`, such as `load/workloads.js`; `env` is added to this process's. */
  constructor(
    module: string,
    options: { readonly execArgv?: readonly string[]; readonly env?: Readonly<Record<string, string>> } = {},
  ) {
    const file = fileURLToPath(new URL(`../${module}`, import.meta.url));
    const { execArgv = [], env = {} } = options;
    this.#child = fork(file, [], {
      serialization: 'advanced',
      execArgv: [...execArgv],
      env: { ...process.env, ...env },
    });
    endsWithRun(this.#child);
    this.#child.on('message', (message) => {
      const { id, value, error } = message as { id: number; value?: unknown; error?: string };
      const pending = this.#pending.get(id);
      this.#pending.delete(id);
      if (error === undefined) pending?.resolve(value);
      else pending?.reject(new Error(`${module}: ${error}`));
    });
    this.#child.once('exit', (code) => {
      for (const { reject } of this.#pending.values()) reject(new Error(`${module} ended with ${String(code)}`));
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  do<Name extends keyof Commands & string>(
    name: Name,
    ...args: Parameters<Commands[Name]>
  ): Promise<Awaited<ReturnType<Commands[Name]>>> {
    const id = ++this.#count;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#child.send({ id, name, args });
    });
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.disconnect();
    await ended;
  }
}
