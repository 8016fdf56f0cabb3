/** What a closed loop did: how often, in what time, and the median time of one, in milliseconds. */
export interface LoopResult {
  readonly count: number;
  readonly seconds: number;
  readonly p50: number;
}

/** Keeps `inFlight` of `act` under way for `ms`, and lets those that began end. */
export async function closedLoop(act: () => Promise<unknown>, inFlight: number, ms: number): Promise<LoopResult> {
  const times: number[] = [];
  const startedAt = performance.now();
  const caller = async (): Promise<void> => {
    while (performance.now() - startedAt < ms) {
      const begun = performance.now();
      await act();
      times.push(performance.now() - begun);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  const seconds = (performance.now() - startedAt) / 1000;
  times.sort((a, b) => a - b);
  return { count: times.length, seconds, p50: times[times.length >> 1] ?? NaN };
}
