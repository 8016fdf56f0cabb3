/** The only way this project reads time. Times are milliseconds since the Unix epoch. */
export interface Clock {
  now(): number;
  /** Milliseconds of a clock that never goes back; for measuring, never for dates. */
  monotonic(): number;
  /** Resolves after `ms`, or earlier for very long waits (callers loop and ask again what is due). Rejects when `signal` aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** Node fires longer timers after 1 ms, so a sleep is cut here and the caller's loop asks again what is due. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep,
};

// Not the one of `node:timers/promises`: that makes an error with a stack trace whenever it is aborted, which is the rule here.
function sleep(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.reject(signal.reason as Error);
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const wake = (): void => {
      signal.removeEventListener('abort', stop);
      resolve();
    };
    const timer = setTimeout(wake, Math.max(0, Math.min(ms, MAX_TIMER_MS)));
    signal.addEventListener('abort', stop, { once: true });
  });
}
