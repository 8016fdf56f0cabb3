import { type Clock, systemClock } from '../../src/runtime/clock.js';

/** Real time, moved by `shiftMs`: what TLS needs to run, and what lets a test look at tomorrow. */
export class ShiftedClock implements Clock {
  shiftMs = 0;
  now(): number {
    return systemClock.now() + this.shiftMs;
  }
  monotonic(): number {
    return systemClock.monotonic();
  }
  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return systemClock.sleep(ms, signal);
  }
}
