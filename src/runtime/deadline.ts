import type { Clock } from './clock.js';
import { SpirlError } from './errors.js';

/**
 * Settles like `work`, or rejects DEADLINE_EXCEEDED with `late` after `ms`, or with the reason of `signal`. The signal that
 * `work` gets aborts in both cases; whatever it does after that is ignored.
 */
export async function withDeadline<T>(
  work: (signal: AbortSignal) => Promise<T>,
  ms: number,
  late: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<T> {
  signal.throwIfAborted();
  const done = new AbortController();
  const ended = AbortSignal.any([signal, done.signal]);
  const timer = clock.sleep(ms, ended).then(() => {
    throw new SpirlError('DEADLINE_EXCEEDED', late);
  });
  try {
    return await Promise.race([work(ended), timer]);
  } catch (error) {
    // An aborted sleep says so in words of its own.
    if (signal.aborted) throw signal.reason;
    throw error;
  } finally {
    done.abort();
  }
}
