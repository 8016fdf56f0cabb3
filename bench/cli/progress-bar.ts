import type { PerfTerminal } from './perf-terminal.js';

const WIDTH = 40;
const EVERY_MS = 100;

/** A bar on standard error, if that is a terminal. It shows simulated time; most scenarios end before their horizon. */
export function progressBar(terminal: PerfTerminal): { show(part: number): void; clear(): void } {
  const startedAt = terminal.clock.monotonic();
  let shownAt = -Infinity;
  if (!terminal.isTerminal) return { show: () => {}, clear: () => {} };
  return {
    show: (part) => {
      const now = terminal.clock.monotonic();
      if (now - shownAt < EVERY_MS) return;
      shownAt = now;
      const done = Math.round(Math.min(1, part) * WIDTH);
      const seconds = ((now - startedAt) / 1000).toFixed(0);
      terminal.err(
        `\r[${'#'.repeat(done)}${'.'.repeat(WIDTH - done)}] ${(part * 100).toFixed(0)} % of the horizon, ${seconds} s `,
      );
    },
    clear: () => terminal.err(`\r${' '.repeat(WIDTH + 40)}\r`),
  };
}
