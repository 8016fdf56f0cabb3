import koffi from 'koffi';

/** The functions of the C library that Node has no call for, or a dear one. Each returns -1 on failure; `errno` says why. */
export interface Libc {
  readonly getsockopt: (fd: number, level: number, name: number, value: Buffer, length: Uint32Array) => number;
  readonly poll: (fds: Buffer, count: number, timeoutMs: number) => number;
  readonly flock: (fd: number, operation: number) => number;
  /** Absent where the C library is older than the call. */
  readonly statx: ((fd: number, path: string, flags: number, mask: number, result: Buffer) => number) | undefined;
}

let found: Libc | undefined;

/** The C functions, looked up at first use so that importing this module has no side effect. */
export function libc(): Libc {
  if (found === undefined) {
    const self = koffi.load(null);
    found = {
      getsockopt: self.func('int getsockopt(int, int, int, void *, uint32_t *)') as unknown as Libc['getsockopt'],
      poll: self.func('int poll(void *, unsigned long, int)') as unknown as Libc['poll'],
      flock: self.func('int flock(int, int)') as unknown as Libc['flock'],
      statx: statxOf(self),
    };
  }
  return found;
}

function statxOf(self: ReturnType<typeof koffi.load>): Libc['statx'] {
  try {
    return self.func('int statx(int, const char *, int, unsigned int, void *)');
  } catch {
    return undefined;
  }
}

/** Why the last call failed. */
export function errno(): number {
  return koffi.errno();
}
