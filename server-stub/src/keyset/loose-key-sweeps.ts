import type { Clock } from 'spirl-agent/runtime/clock.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import type { Logger } from 'spirl-agent/runtime/logger.js';

const INTERVAL_MS = 5 * 60_000;

export interface LooseKeySweepParts {
  readonly sweep: (signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Tries again and again to let go of keys that are in no ring. There are none most of the time; then nobody is asked. */
export async function runLooseKeySweeps(
  { sweep, clock, logger }: LooseKeySweepParts,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await clock.sleep(INTERVAL_MS, signal);
    try {
      await sweep(signal);
    } catch (error) {
      if (signal.aborted || !(error instanceof SpirlError)) throw error;
      logger.warn('Keys that belong to no key set were not looked at', { error: error.message });
    }
  }
}
