import { closeSync, constants, openSync, readlinkSync, readSync } from 'node:fs';
import type { Socket } from 'node:net';
import type { PeerProcess } from '../domain/peer-process.js';
import { SpirlError } from '../runtime/errors.js';
import { ownerOf } from '../runtime/file-facts.js';
import { isRunning, peerGroups, peerPidfd, type SocketPeer } from '../runtime/peer-credentials.js';

/** A `PeerProcess` whose hold on the process has to be given back. */
export interface OpenPeerProcess extends PeerProcess {
  /** Closes the /proc directory and the pidfd; every later read throws NOT_AUTHORIZED. May be called twice. */
  release(): void;
}

/**
 * Proves that who is at the other end of a just accepted connection, `peer`, lives, and holds on to that process; whether it still
 * runs as the user it connected as is for `verify` to say, with each call. Synchronous, so that nothing happens in between.
 * Throws NOT_AUTHORIZED when the caller has gone, is not visible here or cannot be proved.
 *
 * A PID that lives after its directory was opened was not free when it was opened, so the directory is the caller's for
 * ever: reads fail once the process has gone, even when another one has got its number.
 */
export function openPeerProcess(socket: Socket, peer: SocketPeer): OpenPeerProcess {
  const groups = peerGroups(socket);
  const pidfd = peerPidfd(socket);
  let directory: number | undefined;
  try {
    directory = openDirectory(peer.pid);
    if (pidfd !== undefined && !isRunning(pidfd)) throw gone();
    return new HeldProcess(peer, groups, directory, pidfd);
  } catch (error) {
    if (directory !== undefined) closeSync(directory);
    if (pidfd !== undefined) closeSync(pidfd);
    throw error;
  }
}

class HeldProcess implements OpenPeerProcess {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  #directory: number | undefined;
  /** Absent on kernels before 6.5. */
  #pidfd: number | undefined;

  readonly groups: readonly number[];

  constructor(peer: SocketPeer, groups: readonly number[] | undefined, directory: number, pidfd: number | undefined) {
    this.pid = peer.pid;
    this.uid = peer.uid;
    this.gid = peer.gid;
    this.#directory = directory;
    this.#pidfd = pidfd;
    this.groups = groups ?? supplementaryGroups(this.#status());
  }

  readFile(name: string): Buffer {
    return this.#whileAlive(() => readProcFile(this.#path(name)));
  }

  readLink(name: string): string {
    return this.#whileAlive(() => readlinkSync(this.#path(name)));
  }

  verify(): void {
    if (this.#isItself()) return;
    const status = this.#status();
    // A process that has since changed its user must not go on as the one it was.
    if (effective(status, 'Uid') !== this.uid || effective(status, 'Gid') !== this.gid) {
      throw new SpirlError('NOT_AUTHORIZED', 'caller has changed its credentials since it connected');
    }
  }

  release(): void {
    if (this.#directory !== undefined) closeSync(this.#directory);
    if (this.#pidfd !== undefined) closeSync(this.#pidfd);
    this.#directory = undefined;
    this.#pidfd = undefined;
  }

  /**
   * Whether the process is known to run as the user it connected as. A tenth of the cost of reading `status`, which says why
   * when it is not, or where there is no pidfd: a pidfd is readable once its process has ended, and the owner of a /proc
   * directory is the effective user and group of the process.
   */
  #isItself(): boolean {
    if (this.#directory === undefined || this.#pidfd === undefined) return false;
    const { uid, gid } = ownerOf(this.#directory);
    return uid === this.uid && gid === this.gid && isRunning(this.#pidfd);
  }

  #whileAlive<T>(read: () => T): T {
    try {
      return read();
    } finally {
      // Whatever was read, or failed, counts only if the process is still there.
      if (this.#pidfd === undefined || !isRunning(this.#pidfd)) this.#status();
    }
  }

  /** `/proc/<pid>/status`; throws for a zombie, whose files can still be read in part. */
  #status(): string {
    const status = reading(() => readProcFile(this.#path('status')).toString('latin1'));
    if (/^State:\s+[ZX]/m.test(status)) throw gone();
    return status;
  }

  #path(name: string): string {
    // The number of a closed descriptor soon belongs to something else.
    if (this.#directory === undefined) throw gone();
    return `/proc/self/fd/${this.#directory}/${name}`;
  }
}

/** More than a file of a process has, but for those that list what it maps. */
const CHUNK_BYTES = 64 * 1024;
let chunk: Buffer | undefined;

/** What `readFileSync` does, without a new buffer of 64 KiB for each file whose size the kernel does not say. */
function readProcFile(path: string): Buffer {
  chunk ??= Buffer.allocUnsafeSlow(CHUNK_BYTES);
  const file = openSync(path, constants.O_RDONLY);
  try {
    const parts: Buffer[] = [];
    for (;;) {
      const length = readSync(file, chunk, 0, CHUNK_BYTES, null);
      if (length > 0) parts.push(Buffer.from(chunk.subarray(0, length)));
      if (length === 0) return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
    }
  } finally {
    closeSync(file);
  }
}

function openDirectory(pid: number): number {
  return reading(() => openSync(`/proc/${pid}`, constants.O_RDONLY | constants.O_DIRECTORY));
}

/** Effective id in a line such as `Uid: real effective saved fs`. */
function effective(status: string, name: 'Uid' | 'Gid'): number {
  const [, id] = new RegExp(`^${name}:\\s+\\d+\\s+(\\d+)`, 'm').exec(status) ?? [];
  return Number(id);
}

/** From the line `Groups:` of /proc/PID/status, for kernels that do not give them with the credentials. */
export function supplementaryGroups(status: string): readonly number[] {
  const [, ids] = /^Groups:[ \t]*([0-9 ]*)$/m.exec(status) ?? [];
  if (ids === undefined) throw new Error('/proc status has no Groups line');
  return ids
    .split(' ')
    .filter((id) => id !== '')
    .map(Number);
}

function reading<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ESRCH' || code === 'ENOENT') throw gone(error);
    throw error;
  }
}

function gone(cause?: unknown): SpirlError {
  return new SpirlError('NOT_AUTHORIZED', 'caller has gone', { cause });
}
