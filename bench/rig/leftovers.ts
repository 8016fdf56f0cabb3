import type { ChildProcess } from 'node:child_process';
import { rmSync } from 'node:fs';

// What a run has started and made, so that nothing of it stays when it is ended from outside or by a mistake of its own.
const processes = new Set<ChildProcess>();
const folders = new Set<string>();

/** `child` does not outlive the run. */
export function endsWithRun(child: ChildProcess): void {
  processes.add(child);
  child.once('exit', () => processes.delete(child));
}

/** `folder` is removed at the end of the run, if it is still there. */
export function goesWithRun(folder: string): void {
  folders.add(folder);
}

const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };

/** For programs that measure: however this one ends, what it has started ends with it and its folders go. */
export function leaveNothingBehind(): void {
  for (const [signal, code] of Object.entries(EXIT_CODES)) process.once(signal, () => process.exit(code));
  process.once('exit', () => {
    for (const child of processes) child.kill('SIGKILL');
    // A program that is being killed may still write.
    for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
  });
}
