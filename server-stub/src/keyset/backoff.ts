const FIRST_MS = 1000;
const MAX_MS = 60_000;

/** Pause after the n-th failure in a row: 1 s, doubled each time, at most a minute. One server asks, so without jitter. */
export function backoffMs(failures: number): number {
  return Math.min(MAX_MS, FIRST_MS * 2 ** Math.min(failures - 1, 10));
}
