import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/** V8 doubles the space that it has for young objects (its default), or leaves it as it is. */
const GROWS = '--semi-space-growth-factor=2';
const STAYS = '--semi-space-growth-factor=1';

/**
 * Keeps V8's space for young objects from growing once it takes `bytes` or more, for the life of the process. Left alone it grows
 * whenever many objects survive, up to three times 16 MiB (Node 20) or 32 MiB (Node 24), and is not given back under load.
 *
 * What `--max-semi-space-size` does, for a program that is not started with it: the size is looked at after each collection, so
 * that it may be reached in one step more when many objects survive at once.
 */
export function boundYoungGeneration(bytes: number): void {
  let stays = false;
  const observer = new PerformanceObserver(() => {
    // V8 makes the space smaller by itself while a program is idle; then it may grow again.
    const isFull = youngBytes() >= bytes;
    if (isFull !== stays) setFlagsFromString(isFull ? STAYS : GROWS);
    stays = isFull;
  });
  observer.observe({ entryTypes: ['gc'] });
}

function youngBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')?.space_size ?? 0;
}
