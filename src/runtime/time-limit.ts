import type { Clock } from './clock.js';
import { ENDED } from './ended.js';

/**
 * Calls `late` after `ms`, unless the function it returns is called before. Made for what nearly always ends in the turn of the
 * event loop in which it begins: only when that turn is over is the clock asked, and until then it costs next to nothing.
 */
export function timeLimit(ms: number, clock: Clock, late: () => void): () => void {
  const asleep: { stop?: AbortController } = {};
  const turn = setImmediate(() => {
    asleep.stop = new AbortController();
    clock.sleep(ms, asleep.stop.signal).then(late, () => {});
  });
  return () => {
    clearImmediate(turn);
    asleep.stop?.abort(ENDED);
  };
}
