import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../runtime/logger.js';

/** Small JSON documents of the agent on disk, readable by its user only; a write is atomic and durable. */
export class StateDirectory {
  readonly #path: string;
  readonly #logger: Logger;
  /** One write after the other; it never rejects. */
  #writing: Promise<void> = Promise.resolve();

  private constructor(path: string, logger: Logger) {
    this.#path = path;
    this.#logger = logger;
  }

  static async open(path: string, logger: Logger): Promise<StateDirectory> {
    await mkdir(path, { recursive: true, mode: 0o700 });
    return new StateDirectory(path, logger);
  }

  /** `undefined` when there is none, or `parse` throws on it: everything here can be had again from the server. */
  async read<T>(name: string, parse: (value: unknown) => T): Promise<T | undefined> {
    try {
      return parse(JSON.parse(await readFile(join(this.#path, name), 'utf8')));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        this.#logger.warn('a state file cannot be read and is ignored', { file: name, error: reasonOf(error) });
      }
      return undefined;
    }
  }

  /** A failure is logged and changes nothing on disk; what is in memory goes on being used. */
  write(name: string, value: unknown): Promise<void> {
    this.#writing = this.#writing.then(() => this.#write(name, JSON.stringify(value)));
    return this.#writing;
  }

  async #write(name: string, text: string): Promise<void> {
    const path = join(this.#path, name);
    const temporary = `${path}.new`;
    try {
      const file = await open(temporary, 'w', 0o600);
      try {
        await file.writeFile(text);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
      await this.#syncDirectory();
    } catch (error) {
      this.#logger.error('a state file cannot be written', { file: name, error: reasonOf(error) });
      await rm(temporary, { force: true }).catch(() => {});
    }
  }

  async #syncDirectory(): Promise<void> {
    const directory = await open(this.#path, 'r');
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
