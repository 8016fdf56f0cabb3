import type { Clock } from 'spirl-agent/runtime/clock.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import type { Logger } from 'spirl-agent/runtime/logger.js';

const INTERVAL_MS = 5_000;
/** The same trouble is told again after this many rounds: once a minute. */
const REPEAT_ROUNDS = 12;

export interface RingWatchParts {
  /** Throws what is wrong with the store. */
  readonly verify: (signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Looks at the stored ring and keys every few seconds. What is wrong is told and changes nothing in memory. */
export async function runRingWatch({ verify, clock, logger }: RingWatchParts, signal: AbortSignal): Promise<void> {
  let trouble: string | undefined;
  let rounds = 0;
  while (!signal.aborted) {
    await clock.sleep(INTERVAL_MS, signal);
    const now = await troubleOf(() => verify(signal), signal);
    if (now === undefined && trouble !== undefined) logger.info('The stored keys are in order again');
    rounds = now === trouble ? rounds + 1 : 0;
    trouble = now;
    if (trouble !== undefined && rounds % REPEAT_ROUNDS === 0) {
      logger.error('The stored keys are not what this server wrote; it goes on with those in memory', {
        error: trouble,
      });
    }
  }
}

async function troubleOf(verify: () => Promise<void>, signal: AbortSignal): Promise<string | undefined> {
  try {
    await verify();
    return undefined;
  } catch (error) {
    if (signal.aborted || !(error instanceof SpirlError)) throw error;
    return error.message;
  }
}
