/** What a closed loop of mints did; the median latency of a call in milliseconds. */
export interface Minted {
  readonly svids: number;
  readonly seconds: number;
  readonly p50: number;
}

/** Keeps `inFlight` calls of `batch` SVIDs each under way for `ms`. `call` is told how many calls there were before it. */
export async function mintLoop(
  call: (count: number) => Promise<void>,
  { batch, inFlight, ms }: { readonly batch: number; readonly inFlight: number; readonly ms: number },
): Promise<Minted> {
  const times: number[] = [];
  let calls = 0;
  const startedAt = performance.now();
  const caller = async (): Promise<void> => {
    while (performance.now() - startedAt < ms) {
      const begun = performance.now();
      await call(calls++);
      times.push(performance.now() - begun);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  times.sort((a, b) => a - b);
  const seconds = (performance.now() - startedAt) / 1000;
  return { svids: times.length * batch, seconds, p50: times[times.length >> 1] ?? NaN };
}
