import { constants } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import { isAbsolute, normalize, sep } from 'node:path';
import { SpirlError } from './errors.js';

/** A secret or a chain of certificates; more is a mistake. */
const MAX_BYTES = 1024 * 1024;

/**
 * Files that configuration from elsewhere may name: only below directories that this machine's own configuration declares,
 * also after symbolic links are followed. They are read anew at each use.
 */
export class DeclaredFiles {
  readonly #directories: readonly string[];
  constructor(directories: readonly string[]) {
    this.#directories = directories;
  }

  /** Why `path` must not be named; undefined when it may. The file need not exist yet. */
  problem(path: string): string | undefined {
    if (!isAbsolute(path) || normalize(path) !== path) return 'an absolute path without .. is expected';
    if (this.#directories.some((directory) => isBelow(path, directory))) return undefined;
    const declared = this.#directories.length === 0 ? 'none is declared' : `declared: ${this.#directories.join(', ')}`;
    return `a path below a directory that the server's own configuration declares is expected (extensions.secretDirectories; ${declared})`;
  }

  /** The content of a file, text. Throws INVALID_CONFIG naming the path and what is wrong, never what is in it. */
  async read(path: string): Promise<string> {
    const problem = this.problem(path);
    if (problem !== undefined) throw unreadable(path, problem);
    try {
      const real = await realpath(path);
      const directories = await Promise.all(this.#directories.map((directory) => realpath(directory).catch(() => '')));
      if (!directories.some((directory) => directory !== '' && isBelow(real, directory))) {
        throw unreadable(path, 'it leads out of the declared directories');
      }
      return await readRegular(path, real);
    } catch (error) {
      if (error instanceof SpirlError) throw error;
      const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
      throw unreadable(path, REASONS[code] ?? `it cannot be read (${code})`, error);
    }
  }
}

/** `real` has no links in it any more; opening never waits, not even for a pipe. */
async function readRegular(path: string, real: string): Promise<string> {
  const file = await open(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { size } = await file.stat().then((stat) => (stat.isFile() ? stat : { size: -1 }));
    if (size < 0) throw unreadable(path, 'it is no regular file');
    if (size > MAX_BYTES) throw unreadable(path, `it has more than ${MAX_BYTES} bytes`);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  ENOTDIR: 'it does not exist',
  EACCES: 'permission is denied',
  ELOOP: 'its symbolic links lead nowhere',
};

function isBelow(path: string, directory: string): boolean {
  const folder = directory.endsWith(sep) ? directory : directory + sep;
  return path.startsWith(folder) && path.length > folder.length;
}

function unreadable(path: string, why: string, cause?: unknown): SpirlError {
  return new SpirlError('INVALID_CONFIG', `file ${JSON.stringify(path)} cannot be used: ${why}`, { cause });
}
