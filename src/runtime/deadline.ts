import { setMaxListeners } from 'node:events';
import type { Clock } from './clock.js';
import { ENDED } from './ended.js';
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
  // Not AbortSignal.any: with Node 20 each use leaves something behind in a signal that lives as long as the program.
  const stop = (): void => done.abort(signal.reason);
  setMaxListeners(0, signal);
  signal.addEventListener('abort', stop, { once: true });
  const timer = clock.sleep(ms, done.signal).then(() => {
    throw new SpirlError('DEADLINE_EXCEEDED', late);
  });
  try {
    return await Promise.race([work(done.signal), timer]);
  } catch (error) {
    // An aborted sleep says so in words of its own.
    if (signal.aborted) throw signal.reason;
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
    done.abort(ENDED);
  }
}
