import type { Clock } from 'spirl-agent/runtime/clock.js';
import { SpirlError, hasCode } from 'spirl-agent/runtime/errors.js';
import type { Logger } from 'spirl-agent/runtime/logger.js';
import { backoffMs } from './backoff.js';

export interface RotationLoopParts {
  /** Does what the schedule asks for now; false when that is nothing. */
  readonly rotate: (signal: AbortSignal) => Promise<boolean>;
  /** Pause until the schedule is asked again. */
  readonly tickMs: () => number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Asks the schedule again and again. What fails is tried again with backoff, for as long as it takes. */
export async function runRotation(
  { rotate, tickMs, clock, logger }: RotationLoopParts,
  signal: AbortSignal,
): Promise<void> {
  let failures = 0;
  for (;;) {
    try {
      if (await rotate(signal)) continue;
      failures = 0;
    } catch (error) {
      if (signal.aborted || !(error instanceof SpirlError)) throw error;
      failures++;
      const fields = { code: error.code, error: error.message, failures };
      if (hasCode(error, 'CONCURRENT_MUTATION'))
        logger.info('Automatic rotation waits for a command under way', fields);
      else logger.error('Automatic rotation failed', fields);
    }
    await clock.sleep(failures === 0 ? tickMs() : backoffMs(failures), signal);
  }
}
