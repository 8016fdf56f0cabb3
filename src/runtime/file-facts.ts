import { fstatSync, statSync } from 'node:fs';
import { libc } from './libc.js';

// `struct statx`, the same on every architecture: what lies where.
const UID = 20;
const GID = 24;
const INODE_AND_SIZE = [32, 48] as const;
const CTIME_AND_MTIME = [96, 128] as const;
const STATX_BYTES = 256;
const STATX_BASIC_STATS = 0x7ff;
const AT_EMPTY_PATH = 0x1000;
const AT_FDCWD = -100;

const facts = Buffer.alloc(STATX_BYTES);

/** Who owns an open file. A fifth of the cost of `fstatSync`, for what is asked several times with every call. */
export function ownerOf(fd: number): { readonly uid: number; readonly gid: number } {
  if (libc().statx?.(fd, '', AT_EMPTY_PATH, STATX_BASIC_STATS, facts) !== 0) return fstatSync(fd);
  return { uid: facts.readUInt32LE(UID), gid: facts.readUInt32LE(GID) };
}

/** A text that changes when the file does; that of a file that cannot be looked at is the reason. */
export function fileStamp(path: string): string {
  if (libc().statx?.(AT_FDCWD, path, 0, STATX_BASIC_STATS, facts) === 0) {
    return facts.toString('latin1', ...INODE_AND_SIZE) + facts.toString('latin1', ...CTIME_AND_MTIME);
  }
  try {
    const { mtimeNs, ctimeNs, size, ino } = statSync(path, { bigint: true });
    return `${mtimeNs}:${ctimeNs}:${size}:${ino}`;
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}
