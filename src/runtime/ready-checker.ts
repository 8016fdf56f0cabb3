import type { Clock } from './clock.js';
import type { Readiness } from './http-endpoint.js';
import type { Logger } from './logger.js';

/** How often it looks. */
const INTERVAL_MS = 1000;

/** Logs readiness when it has changed, until `signal` aborts. `logger` is the one called `<program>.readyChecker`. */
export async function runReadyChecker(
  readiness: () => Readiness,
  logger: Logger,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  let told = '';
  while (!signal.aborted) {
    const { status, reasons } = readiness();
    const telling = JSON.stringify([status, reasons]);
    if (telling !== told) {
      if (status === 'ready') logger.info('Health check passed - all systems operational');
      else logger.warn('Health check did not pass', { status, reasons });
      told = telling;
    }
    await clock.sleep(INTERVAL_MS, signal).catch(() => {});
  }
}
