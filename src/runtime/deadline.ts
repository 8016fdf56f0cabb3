import { setMaxListeners } from 'node:events';
import type { Clock } from './clock.js';
import { ENDED } from './ended.js';
import { SpirlError } from './errors.js';
import { timeLimit } from './time-limit.js';

/**
 * Settles like `work`, or rejects DEADLINE_EXCEEDED with `late` after `ms`, or with the reason of `signal`. The signal that
 * `work` gets aborts in both cases, and when it fails; whatever it does after that is ignored.
 */
export async function withDeadline<T>(
  work: (signal: AbortSignal) => Promise<T>,
  ms: number,
  late: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<T> {
  signal.throwIfAborted();
  const ended = new AbortController();
  const inTime = timeLimit(ms, clock, () => ended.abort(new SpirlError('DEADLINE_EXCEEDED', late)));
  // Not AbortSignal.any: with Node 20 each use leaves something behind in a signal that lives as long as the program.
  const stop = (): void => ended.abort(signal.reason);
  setMaxListeners(0, signal);
  signal.addEventListener('abort', stop, { once: true });
  const over = new Promise<never>((_, reject) => {
    ended.signal.addEventListener('abort', () => reject(ended.signal.reason as Error), { once: true });
  });
  try {
    return await Promise.race([work(ended.signal), over]);
  } catch (error) {
    const reason: unknown = ended.signal.aborted ? ended.signal.reason : error;
    ended.abort(ENDED);
    over.catch(() => {});
    throw reason;
  } finally {
    inTime();
    signal.removeEventListener('abort', stop);
  }
}
