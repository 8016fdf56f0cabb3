import type { Socket } from 'node:net';
import { SpirlError } from './errors.js';
import { errno, libc } from './libc.js';

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const SO_PEERGROUPS = 59;
const SO_PEERPIDFD = 77;
const ERANGE = 34;
const ENOPROTOOPT = 92;

/** Kernel credentials of a Unix socket's peer, as of its connect(). */
export interface SocketPeer {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** The descriptor of a connected socket. Node keeps it in an undocumented but stable place (18 to 24). */
function descriptorOf(socket: Socket): number {
  const fd = (socket as unknown as { _handle?: { fd?: number } })._handle?.fd;
  if (fd === undefined || fd < 0) throw new SpirlError('NOT_AUTHORIZED', 'caller cannot be identified');
  return fd;
}

/** SO_PEERCRED. Throws NOT_AUTHORIZED when the kernel does not say who the peer is. */
export function peerCredentials(socket: Socket): SocketPeer {
  const value = Buffer.alloc(12);
  if (libc().getsockopt(descriptorOf(socket), SOL_SOCKET, SO_PEERCRED, value, Uint32Array.of(12)) !== 0) {
    throw new SpirlError('NOT_AUTHORIZED', 'caller cannot be identified');
  }
  const [pid, uid, gid] = [value.readInt32LE(0), value.readUInt32LE(4), value.readUInt32LE(8)];
  // 0: a process outside our PID namespace.
  if (pid <= 0) throw new SpirlError('NOT_AUTHORIZED', 'caller is not visible in the PID namespace of this process');
  return { pid, uid, gid };
}

/** Room for as many groups as nearly every process has; the kernel says when it needs more. */
let groupIds: Buffer = Buffer.alloc(64 * 4);

/** SO_PEERGROUPS: the peer's supplementary groups as of its connect(), `undefined` on kernels before 4.13. */
export function peerGroups(socket: Socket): readonly number[] | undefined {
  const fd = descriptorOf(socket);
  const length = Uint32Array.of(groupIds.length);
  let failed = libc().getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groupIds, length) !== 0;
  if (failed && errno() === ERANGE) {
    groupIds = Buffer.alloc(length[0] ?? 0);
    failed = libc().getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groupIds, length) !== 0;
  }
  if (!failed) return Array.from({ length: (length[0] ?? 0) / 4 }, (_, index) => groupIds.readUInt32LE(index * 4));
  if (errno() === ENOPROTOOPT) return undefined;
  throw new SpirlError('NOT_AUTHORIZED', 'caller cannot be identified');
}

/** SO_PEERPIDFD: a descriptor of the peer's process, `undefined` on kernels before 6.5. Throws when the peer is gone. */
export function peerPidfd(socket: Socket): number | undefined {
  const value = Buffer.alloc(4);
  if (libc().getsockopt(descriptorOf(socket), SOL_SOCKET, SO_PEERPIDFD, value, Uint32Array.of(4)) === 0) {
    return value.readInt32LE(0);
  }
  if (errno() === ENOPROTOOPT) return undefined;
  throw new SpirlError('NOT_AUTHORIZED', 'caller has gone');
}

/** `struct pollfd`: descriptor, POLLIN, what was found. */
const pollfd = Buffer.alloc(8);
const POLLIN = 1;
const MAX_INTERRUPTIONS = 100;

/** Whether the process behind a pidfd has not ended; a zombie has. A pidfd becomes readable when its process ends. */
export function isRunning(pidfd: number): boolean {
  pollfd.writeInt32LE(pidfd, 0);
  pollfd.writeInt16LE(POLLIN, 4);
  // It does not wait, but a signal that comes meanwhile still interrupts it.
  for (let attempt = 0; attempt < MAX_INTERRUPTIONS; attempt++) {
    const ready = libc().poll(pollfd, 1, 0);
    if (ready >= 0) return ready === 0;
  }
  return false;
}
