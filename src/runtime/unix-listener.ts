import { chmod, lstat, mkdir, mkdtemp, open, rename, rm, unlink } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { SpirlError } from './errors.js';
import { aborted } from './task-group.js';

/** `sun_path` holds 108 bytes, the last one being NUL. */
const MAX_PATH_BYTES = 107;
/** Capped by `net.core.somaxconn`; a full backlog makes connect() fail at once, so it is as long as the kernel lets it be. */
const BACKLOG = 4096;

export interface UnixListenerOptions {
  readonly path: string;
  /** Mode of the socket: who may connect. */
  readonly mode: number;
  /** Mode of the directory, when it has to be created. */
  readonly directoryMode: number;
  /** Gets each connection in the turn in which it was accepted; errors of the socket are already listened to. */
  onConnection(socket: Socket): void;
  /** Told when accepting a connection failed (for example for want of descriptors); the listener goes on. */
  onAcceptError?(error: Error): void;
}

/**
 * Listens on a Unix socket that appears under its final name with its final mode, replaces a socket nobody answers on, and
 * at close is removed only if it is still this listener's own.
 */
export class UnixListener {
  readonly #options: UnixListenerOptions;
  #server: Server | undefined;
  #inode: string | undefined;

  constructor(options: UnixListenerOptions) {
    this.#options = options;
  }

  /** Throws INVALID_CONFIG when the path is too long, not a socket, answered on by a living process, or not writable. */
  async listen(): Promise<void> {
    const { path, mode, directoryMode } = this.#options;
    requireUsablePath(path);
    try {
      await createDirectory(dirname(path), directoryMode);
      await requireUnserved(path);
      await this.#bind(path, mode);
    } catch (error) {
      this.#server?.close();
      this.#server = undefined;
      throw error instanceof SpirlError ? error : cannotListen(path, reasonOf(error), error);
    }
  }

  /** Stops accepting and removes the socket; open connections stay open. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const { path } = this.#options;
    if ((await inodeOf(path)) === this.#inode) await unlink(path).catch(() => {});
    server.close();
  }

  /** Listens until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await this.listen();
    try {
      await aborted(signal);
    } finally {
      await this.close();
    }
  }

  /** Binds in a directory that only we can enter, so that no moment exists in which the socket has another mode or name. */
  async #bind(path: string, mode: number): Promise<void> {
    const room = await mkdtemp(`${dirname(path)}/.`);
    const directory = await open(room);
    try {
      const bound = join(room, 's');
      // A short name beside a long directory may not fit; the same file by way of the descriptor always does.
      const name = Buffer.byteLength(bound) <= MAX_PATH_BYTES ? bound : `/proc/self/fd/${directory.fd}/s`;
      await this.#start(name);
      await chmod(bound, mode);
      this.#inode = await inodeOf(bound);
      await rename(bound, path);
    } finally {
      await directory.close();
      await rm(room, { recursive: true, force: true });
    }
  }

  #start(name: string): Promise<void> {
    const server = createServer((socket) => {
      socket.on('error', ignore);
      this.#options.onConnection(socket);
    });
    this.#server = server;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ path: name, backlog: BACKLOG }, () => {
        server.off('error', reject);
        server.on('error', (error) => this.#options.onAcceptError?.(error));
        resolve();
      });
    });
  }
}

/** One for all: a closure for each connection would be kept as long as it. */
const ignore = (): void => {};

function requireUsablePath(path: string): void {
  const length = Buffer.byteLength(path);
  if (length > MAX_PATH_BYTES) {
    const limit = `a Unix socket path has at most ${MAX_PATH_BYTES} bytes, this one has ${length}`;
    throw new SpirlError('INVALID_CONFIG', `cannot listen on ${path}: ${limit}`);
  }
  if (path === '' || path.includes('\0') || basename(path) === '') {
    throw new SpirlError('INVALID_CONFIG', `not a path for a Unix socket: ${JSON.stringify(path)}`);
  }
}

async function createDirectory(directory: string, mode: number): Promise<void> {
  // The mode given to mkdir is cut by the umask.
  if ((await mkdir(directory, { recursive: true, mode })) !== undefined) await chmod(directory, mode);
}

/** Throws unless `path` is free or a socket that nobody answers on any more. */
async function requireUnserved(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return;
  if (!found.isSocket()) throw cannotListen(path, 'a file of this name exists and is not a socket');
  const code = await new Promise<string | undefined>((resolve) => {
    const probe = connect(path, () => {
      probe.destroy();
      resolve(undefined);
    });
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code));
  });
  if (code === 'ECONNREFUSED' || code === 'ENOENT') return;
  if (code === undefined || code === 'EAGAIN') throw cannotListen(path, 'another living process serves it');
  throw cannotListen(path, `another process may serve it (${code})`);
}

async function inodeOf(path: string): Promise<string | undefined> {
  const found = await lstat(path, { bigint: true }).catch(() => undefined);
  return found === undefined ? undefined : `${found.dev}:${found.ino}`;
}

function cannotListen(path: string, reason: string, cause?: unknown): SpirlError {
  return new SpirlError('INVALID_CONFIG', `cannot listen on ${path}: ${reason}`, { cause });
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left on the device',
  ENOTDIR: 'a part of the path is not a directory',
  EEXIST: 'a part of the path is not a directory',
  EMFILE: 'too many open files',
};

function reasonOf(error: unknown): string {
  const { code = 'unknown error' } = error as NodeJS.ErrnoException;
  return REASONS[code] ?? code;
}
