/** What is needed of Node's `process`. */
interface StoppableProcess {
  readonly connected: boolean;
  on(event: 'SIGINT' | 'SIGTERM' | 'disconnect', listener: () => void): unknown;
}

/**
 * Aborts at SIGINT and SIGTERM, and when a parent that holds an IPC channel to this process has gone. Later signals change
 * nothing: stopping is under way and bounded.
 */
export function stopSignal(of: StoppableProcess): AbortSignal {
  const stop = new AbortController();
  const abort = (): void => stop.abort();
  of.on('SIGINT', abort);
  of.on('SIGTERM', abort);
  if (of.connected) of.on('disconnect', abort);
  return stop.signal;
}
