import { open, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { tryLock } from 'spirl-agent/runtime/file-lock.js';

export interface DirectoryLock {
  release(): Promise<void>;
}

export type LockDirectory = (directory: string) => Promise<DirectoryLock>;

/**
 * Takes `<directory>/lock` for this process. The kernel lets go of it when the process ends, however it ends, so a lock file
 * that is left behind locks nothing. Throws STORE_FAILED naming the pid of the process that has it.
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const handle = await open(join(directory, 'lock'), 'a+', 0o600);
  try {
    if (!tryLock(handle.fd)) {
      const holder = (await handle.readFile('utf8')).trim();
      throw new SpirlError(
        'STORE_FAILED',
        `state directory ${directory} is in use by process ${/^\d+$/.test(holder) ? holder : '(unknown)'}`,
      );
    }
    await handle.truncate(0);
    // The kernel's word for this process: only `main.ts` files read `process`.
    await handle.writeFile(`${await readlink('/proc/self')}\n`);
  } catch (error) {
    await handle.close();
    throw error;
  }
  return { release: () => handle.close() };
}
