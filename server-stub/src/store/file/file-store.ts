import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import type { RecordStore, StoredRecord } from '../../domain/record-store.js';
import { lockDirectory, type LockDirectory } from './directory-lock.js';
import { systemErrorCode, type FileSystem } from './file-system.js';
import { nodeFileSystem } from './node-file-system.js';
import { decodeRecord, encodeRecord, fileNameOf, recordNameOf } from './record-file.js';

const TEMPORARY = '.tmp-';

/** What operators read instead of the system's own words. */
const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'no space left on device',
  EDQUOT: 'disk quota exceeded',
  EROFS: 'read-only file system',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EIO: 'input/output error',
  ENOENT: 'the state directory has gone',
};

/** A record store in one directory that only this process uses. */
export interface FileStore extends RecordStore {
  /** Waits for writes under way and lets go of the directory. */
  close(): Promise<void>;
}

/**
 * Opens (and makes, mode 0700) a directory of records, one JSON document per file, mode 0600. A write is: temporary file,
 * fsync, rename, fsync of the directory. Throws STORE_FAILED when another living process has it or it cannot be written.
 */
export async function openFileStore(
  directory: string,
  files: FileSystem = nodeFileSystem,
  lock: LockDirectory = lockDirectory,
): Promise<FileStore> {
  try {
    await files.makeDirectory(directory);
    const held = await lock(directory);
    try {
      // What a killed predecessor left half written.
      for (const file of await files.listDirectory(directory)) {
        if (file.startsWith(TEMPORARY)) await files.removeFile(join(directory, file));
      }
    } catch (error) {
      await held.release();
      throw error;
    }
    return new DirectoryOfRecords(directory, files, () => held.release());
  } catch (error) {
    throw storeFailed(`state directory ${directory} cannot be used`, error);
  }
}

class DirectoryOfRecords implements FileStore {
  readonly #directory: string;
  readonly #files: FileSystem;
  readonly #unlock: () => Promise<void>;
  /** Last write under way per record: a compare and its swap must not interleave with another's. */
  readonly #tails = new Map<string, Promise<unknown>>();
  #temporaries = 0;

  constructor(directory: string, files: FileSystem, unlock: () => Promise<void>) {
    this.#directory = directory;
    this.#files = files;
    this.#unlock = unlock;
  }

  async read(name: string): Promise<StoredRecord | undefined> {
    const bytes = await this.#bytes(name);
    return bytes && decodeRecord(name, bytes);
  }

  write(name: string, value: unknown, expected: string | undefined): Promise<string> {
    return this.#inTurn(name, async () => {
      const present = await this.#expect(name, expected);
      const version = randomBytes(9).toString('base64url');
      const path = this.#path(name);
      try {
        await this.#replace(path, encodeRecord(name, { value, version }), present);
      } catch (error) {
        throw storeFailed(`record ${JSON.stringify(name)} could not be written`, error);
      }
      return version;
    });
  }

  remove(name: string, expected: string): Promise<void> {
    return this.#inTurn(name, async () => {
      const present = await this.#expect(name, expected);
      const path = this.#path(name);
      try {
        await this.#files.removeFile(path);
        await this.#settle(path, present);
      } catch (error) {
        throw storeFailed(`record ${JSON.stringify(name)} could not be removed`, error);
      }
    });
  }

  async list(prefix: string): Promise<readonly string[]> {
    try {
      const names = (await this.#files.listDirectory(this.#directory)).map(recordNameOf);
      return names.filter((name) => name?.startsWith(prefix) ?? false).sort() as string[];
    } catch (error) {
      throw storeFailed('records could not be listed', error);
    }
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#tails.values());
    await this.#unlock();
  }

  #path(name: string): string {
    return join(this.#directory, fileNameOf(name));
  }

  async #bytes(name: string): Promise<Buffer | undefined> {
    try {
      return await this.#files.readFile(this.#path(name));
    } catch (error) {
      throw storeFailed(`record ${JSON.stringify(name)} could not be read`, error);
    }
  }

  /** The record's present document. Throws VERSION_MISMATCH unless it has version `expected`. */
  async #expect(name: string, expected: string | undefined): Promise<Buffer | undefined> {
    const bytes = await this.#bytes(name);
    const version = bytes && decodeRecord(name, bytes).version;
    if (version !== expected) {
      throw new SpirlError('VERSION_MISMATCH', `record ${JSON.stringify(name)} was changed by somebody else`);
    }
    return bytes;
  }

  async #replace(path: string, bytes: Buffer, previous: Buffer | undefined): Promise<void> {
    const temporary = join(this.#directory, `${TEMPORARY}${++this.#temporaries}`);
    try {
      await this.#files.createFile(temporary, bytes);
      await this.#files.syncFile(temporary);
      await this.#files.rename(temporary, path);
    } catch (error) {
      await this.#files.removeFile(temporary).catch(() => {});
      throw error;
    }
    await this.#settle(path, previous);
  }

  /** Makes a rename or removal durable. When that fails the previous document is put back, as the write counts as failed. */
  async #settle(path: string, previous: Buffer | undefined): Promise<void> {
    try {
      await this.#files.syncDirectory(this.#directory);
    } catch (error) {
      await this.#putBack(path, previous).catch(() => {});
      throw error;
    }
  }

  async #putBack(path: string, previous: Buffer | undefined): Promise<void> {
    if (previous === undefined) return this.#files.removeFile(path);
    const temporary = join(this.#directory, `${TEMPORARY}${++this.#temporaries}`);
    await this.#files.createFile(temporary, previous);
    await this.#files.syncFile(temporary);
    await this.#files.rename(temporary, path);
  }

  async #inTurn<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(name) ?? Promise.resolve();
    const mine = before.then(work, work);
    this.#tails.set(name, mine);
    try {
      return await mine;
    } finally {
      if (this.#tails.get(name) === mine) this.#tails.delete(name);
    }
  }
}

/** A system error as STORE_FAILED; every other error as it is. */
function storeFailed(what: string, error: unknown): unknown {
  const code = systemErrorCode(error);
  if (code === undefined) return error;
  return new SpirlError('STORE_FAILED', `${what}: ${REASONS[code] ?? code}`, { cause: error });
}
