import { chmod, mkdir, open, readFile, readdir, rename, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemErrorCode, type FileSystem } from './file-system.js';

/** fsync works through any descriptor of the file or directory. */
async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The machine's own file system. */
export const nodeFileSystem: FileSystem = {
  makeDirectory: async (path) => {
    const first = await mkdir(path, { recursive: true, mode: 0o700 });
    if (first !== undefined) await sync(dirname(first));
    if (((await stat(path)).mode & 0o077) !== 0) await chmod(path, 0o700);
  },
  readFile: async (path) => {
    try {
      return await readFile(path);
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  },
  listDirectory: (path) => readdir(path),
  createFile: async (path, data) => {
    const handle = await open(path, 'wx', 0o600);
    try {
      await handle.writeFile(data);
    } finally {
      await handle.close();
    }
  },
  syncFile: sync,
  rename,
  removeFile: unlink,
  syncDirectory: sync,
};
