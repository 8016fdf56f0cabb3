import { open } from 'node:fs/promises';
import { join } from 'node:path';
import koffi from 'koffi';
import { SpirlError } from 'spirl-agent/runtime/errors.js';

const LOCK_EX = 2;
const LOCK_NB = 4;

export interface DirectoryLock {
  release(): Promise<void>;
}

export type LockDirectory = (directory: string) => Promise<DirectoryLock>;

type Flock = (fd: number, operation: number) => number;

let native: Flock | undefined;

/** Looked up at first use so that importing this module has no side effect. */
function flock(fd: number, operation: number): number {
  native ??= koffi.load(null).func('int flock(int, int)') as unknown as Flock;
  return native(fd, operation);
}

/**
 * Takes `<directory>/lock` for this process. The kernel lets go of it when the process ends, however it ends, so a lock file
 * that is left behind locks nothing. Throws STORE_FAILED naming the pid of the process that has it.
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const handle = await open(join(directory, 'lock'), 'a+', 0o600);
  try {
    if (flock(handle.fd, LOCK_EX | LOCK_NB) !== 0) {
      const holder = (await handle.readFile('utf8')).trim();
      throw new SpirlError(
        'STORE_FAILED',
        `state directory ${directory} is in use by process ${/^\d+$/.test(holder) ? holder : '(unknown)'}`,
      );
    }
    await handle.truncate(0);
    await handle.writeFile(`${pidOfThisProcess()}\n`);
  } catch (error) {
    await handle.close();
    throw error;
  }
  return { release: () => handle.close() };
}

/** Read from the kernel: only `main.ts` files read `process`. */
function pidOfThisProcess(): number {
  return (koffi.load(null).func('int getpid()') as unknown as () => number)();
}
