import type { Clock } from './clock.js';
import { withDeadline } from './deadline.js';
import { formatDuration } from './duration.js';
import { hasCode, SpirlError } from './errors.js';
import type { Logger } from './logger.js';
import type { WaitingTime } from './waiting-time.js';

const FIRST_PAUSE_MS = 500;
const MAX_PAUSE_MS = 5_000;
const SERVICE = 'the key service';

export interface Patience {
  readonly clock: Clock;
  readonly logger: Logger;
  /** What is waited for, with its name; `the key service` when absent. */
  readonly what?: string;
  /** How long it is waited in all, for this and whatever else shares it. */
  readonly time: WaitingTime;
}

/**
 * Repeats `work` while it fails with KEY_SERVICE_UNAVAILABLE, each time saying what is waited for; any other failure is thrown at
 * once. When `time` is over the last failure is thrown, with how long it was waited.
 */
export async function untilAvailable<T>(
  work: (signal: AbortSignal) => Promise<T>,
  patience: Patience,
  signal: AbortSignal,
): Promise<T> {
  const { what = SERVICE, clock, time } = patience;
  const waited = `waited ${formatDuration(time.limitMs)} for it`;
  const begun = clock.monotonic();
  const failures: SpirlError[] = [];
  try {
    return await withDeadline((inTime) => repeat(work, patience, failures, inTime), time.leftMs, waited, clock, signal);
  } catch (error) {
    const last = failures.at(-1);
    if (signal.aborted || !hasCode(error, 'DEADLINE_EXCEEDED')) throw error;
    if (last === undefined) throw new SpirlError('KEY_SERVICE_UNAVAILABLE', `${what} did not answer; ${waited}`);
    throw new SpirlError('KEY_SERVICE_UNAVAILABLE', `${last.message}; ${waited}`, { cause: last });
  } finally {
    time.spend(clock.monotonic() - begun);
  }
}

async function repeat<T>(
  work: (signal: AbortSignal) => Promise<T>,
  { what = SERVICE, clock, logger }: Patience,
  failures: SpirlError[],
  signal: AbortSignal,
): Promise<T> {
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS)) {
    try {
      return await work(signal);
    } catch (error) {
      if (signal.aborted || !hasCode(error, 'KEY_SERVICE_UNAVAILABLE')) throw error;
      failures.splice(0, failures.length, error);
      logger.warn(`Waiting for ${what}`, { error: error.message, nextTry: formatDuration(pauseMs) });
      await clock.sleep(pauseMs, signal);
    }
  }
}
