import { setMaxListeners } from 'node:events';

/** A long-lived part: runs until `signal` aborts, or fails. */
export type Task = (signal: AbortSignal) => Promise<void>;

/** Runs tasks until all end. The first failure, or `stop`, aborts the others; the first failure is what is thrown. */
export async function runTasks(tasks: readonly Task[], stop: AbortSignal): Promise<void> {
  const failed = new AbortController();
  const signal = AbortSignal.any([stop, failed.signal]);
  await Promise.allSettled(
    tasks.map(async (task) => {
      try {
        await task(signal);
      } catch (error) {
        // What a task throws once everything is stopping is its way of stopping.
        if (!signal.aborted) failed.abort(error);
      }
    }),
  );
  if (failed.signal.aborted) throw failed.signal.reason;
}

/** Resolves when `signal` aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

/** Settles like `work`, or rejects with the signal's reason as soon as `signal` aborts; `work` itself goes on. */
export async function orAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  // One signal may stand for any number of waits.
  setMaxListeners(0, signal);
  let stop = (): void => {};
  const gone = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work, gone]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
