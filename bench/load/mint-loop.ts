/** What a closed loop of mints did; the median latency of a call in milliseconds. */
export interface Minted {
  readonly svids: number;
  readonly seconds: number;
  readonly p50: number;
  /** SVIDs per second without the beginning and the end, when not all calls are under way. */
  readonly steadyPerSecond: number;
}

/** Part of the time that counts as the beginning. */
const BEGINNING = 0.2;

/** Keeps `inFlight` calls of `batch` SVIDs each under way for `ms`. `call` is told how many calls there were before it. */
export async function mintLoop(
  call: (count: number) => Promise<void>,
  { batch, inFlight, ms }: { readonly batch: number; readonly inFlight: number; readonly ms: number },
): Promise<Minted> {
  const times: number[] = [];
  const ends: number[] = [];
  let calls = 0;
  const startedAt = performance.now();
  const caller = async (): Promise<void> => {
    while (performance.now() - startedAt < ms) {
      const begun = performance.now();
      await call(calls++);
      const ended = performance.now();
      times.push(ended - begun);
      ends.push(ended - startedAt);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  times.sort((a, b) => a - b);
  const seconds = (performance.now() - startedAt) / 1000;
  return {
    svids: times.length * batch,
    seconds,
    p50: times[times.length >> 1] ?? NaN,
    steadyPerSecond: batch * steady(ends, ms),
  };
}

/** Ends per second: the slope of their count, which does not mind that ends come in bursts. */
function steady(ends: readonly number[], ms: number): number {
  const within = ends.filter((end) => end >= BEGINNING * ms && end <= ms);
  const mean = within.reduce((sum, end) => sum + end, 0) / within.length;
  const middle = (within.length - 1) / 2;
  const spread = within.reduce((sum, end) => sum + (end - mean) ** 2, 0);
  const together = within.reduce((sum, end, count) => sum + (end - mean) * (count - middle), 0);
  return spread === 0 ? 0 : (together * 1000) / spread;
}
