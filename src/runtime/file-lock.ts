import { libc } from './libc.js';

/** LOCK_EX | LOCK_NB */
const LOCK_EXCLUSIVE_NOW = 6;

/** flock: locks an open file for this descriptor until it is closed or the process ends. False: another descriptor has it. */
export function tryLock(fd: number): boolean {
  return libc().flock(fd, LOCK_EXCLUSIVE_NOW) === 0;
}
