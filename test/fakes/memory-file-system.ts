import { dirname, basename } from 'node:path';
import type { FileSystem } from '../../server-stub/src/store/file/file-system.js';

interface Inode {
  data: Buffer;
  /** What a power cut leaves of it. */
  synced: Buffer;
}

/** The process has died here. No error of the product's own kind, so that nothing takes it for one. */
export class Crash extends Error {}

export type CrashMode = 'before' | 'after' | 'torn';

/**
 * What is left on disk. `killed`: everything that was done. `power cut`: what was synced. `names only`: names that were not
 * synced arrived, their content did not.
 */
export type Remains = 'killed' | 'power cut' | 'names only';

/** A file system in memory that can die at each step, and fail as a real one does. */
export class MemoryFileSystem implements FileSystem {
  names = new Map<string, Inode>();
  durable = new Map<string, Inode>();
  /** Steps that change something, so far. */
  steps = 0;
  crash: { readonly at: number; readonly mode: CrashMode } | undefined;
  /** The call in which it died. */
  diedIn = '';
  /** Gives the code that a call fails with, or nothing. */
  failing: (call: string, path: string) => string | undefined = () => undefined;

  makeDirectory(): Promise<void> {
    return Promise.resolve();
  }
  readFile(path: string): Promise<Buffer | undefined> {
    return this.#do('readFile', path, () => {
      const inode = this.names.get(path);
      return inode && Buffer.from(inode.data);
    });
  }
  listDirectory(path: string): Promise<readonly string[]> {
    return this.#do('listDirectory', path, () =>
      [...this.names.keys()].filter((name) => dirname(name) === path).map((name) => basename(name)),
    );
  }
  createFile(path: string, data: Uint8Array): Promise<void> {
    return this.#step('createFile', path, (torn) => {
      if (this.names.has(path)) throw systemError('EEXIST');
      const content = Buffer.from(data);
      const inode = { data: torn ? content.subarray(0, content.length / 2) : content, synced: Buffer.alloc(0) };
      this.names.set(path, inode);
    });
  }
  syncFile(path: string): Promise<void> {
    return this.#step('syncFile', path, () => {
      const inode = this.#inode(path);
      inode.synced = inode.data;
    });
  }
  rename(from: string, to: string): Promise<void> {
    return this.#step('rename', to, () => {
      this.names.set(to, this.#inode(from));
      this.names.delete(from);
    });
  }
  removeFile(path: string): Promise<void> {
    return this.#step('removeFile', path, () => {
      this.#inode(path);
      this.names.delete(path);
    });
  }
  syncDirectory(path: string): Promise<void> {
    return this.#step('syncDirectory', path, () => {
      this.durable = new Map(this.names);
    });
  }

  /** The disk as the next process finds it. */
  after(remains: Remains): MemoryFileSystem {
    const next = new MemoryFileSystem();
    for (const [path, inode] of remains === 'power cut' ? this.durable : this.names) {
      const data = remains === 'killed' ? inode.data : inode.synced;
      next.names.set(path, { data, synced: data });
    }
    next.durable = new Map(next.names);
    return next;
  }

  /** Somebody edits a file by hand. */
  edit(path: string, change: (text: string) => string): void {
    const data = Buffer.from(change(this.#inode(path).data.toString('utf8')));
    this.names.set(path, { data, synced: data });
  }

  #inode(path: string): Inode {
    const inode = this.names.get(path);
    if (inode === undefined) throw systemError('ENOENT');
    return inode;
  }

  /** A turn of the event loop, as real calls take one. */
  async #do<T>(call: string, path: string, work: () => T): Promise<T> {
    await Promise.resolve();
    if (this.crash !== undefined && this.steps >= this.crash.at) throw new Crash('the process is dead');
    const code = this.failing(call, path);
    if (code !== undefined) throw systemError(code);
    return work();
  }

  #step(call: string, path: string, work: (torn: boolean) => void): Promise<void> {
    return this.#do(call, path, () => {
      this.steps++;
      if (this.crash?.at !== this.steps) {
        work(false);
        return;
      }
      this.diedIn = call;
      if (this.crash.mode !== 'before') work(this.crash.mode === 'torn');
      throw new Crash(`died ${this.crash.mode} step ${this.steps}: ${call} ${path}`);
    });
  }
}

function systemError(code: string): Error {
  return Object.assign(new Error(code), { code, syscall: 'test' });
}
