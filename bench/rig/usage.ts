import { readdirSync, readFileSync } from 'node:fs';

const TICKS_PER_SECOND = 100;

/**
 * CPU seconds (user and system) that a process has used. The scheduler's own account counts in nanoseconds, so that samples may
 * be short; where the kernel does not keep it, ticks of 10 ms. Threads that have ended are in the ticks alone.
 */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  const living = livingThreadSeconds(pid);
  return ticks - living > ENDED_THREADS ? ticks : living;
}

/** More than the two accounts differ by rounding. */
const ENDED_THREADS = 0.05;

/** 0 where the kernel does not keep the account. */
function livingThreadSeconds(pid: number): number {
  try {
    const nanoseconds = readdirSync(`/proc/${pid}/task`)
      .map((task) => Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'latin1').split(' ')[0]))
      .reduce((sum, value) => sum + value, 0);
    return nanoseconds / 1e9;
  } catch {
    return 0;
  }
}

/** CPU seconds that all programs of this machine have used, the time that a hypervisor took included. */
export function machineCpuSeconds(): number {
  const [, user, nice, system, , , irq, softirq, steal] = readFileSync('/proc/stat', 'latin1').split(/\s+/).map(Number);
  const ticks = [user, nice, system, irq, softirq, steal].reduce<number>((sum, value) => sum + (value ?? 0), 0);
  return ticks / TICKS_PER_SECOND;
}

/** Resident memory of a process, and the most it ever had, in KiB. */
export function memoryKib(pid: number): { readonly resident: number; readonly peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const read = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? NaN);
  return { resident: read('VmRSS'), peak: read('VmHWM') };
}
