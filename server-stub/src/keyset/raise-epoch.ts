import type { Ring } from '../domain/keyset.js';
import { withRaisedEpoch } from './key-ring.js';
import type { KeysetParts } from './keyset-parts.js';
import { openRingStore } from './ring-store.js';

type Needs = Pick<KeysetParts, 'store' | 'sealer' | 'deploymentId' | 'clock'>;

/**
 * To be called once, before `openKeysets`, after a store was put back from a copy: agents take the old ring again, because its
 * epoch is newer than everything they have seen. Also the way out when a wrong clock has dated the ring into the future.
 */
export async function raiseEpoch(parts: Needs, signal: AbortSignal): Promise<Ring> {
  const now = parts.clock.now();
  const ringStore = await openRingStore(parts, now, signal);
  const { ring, version } = await ringStore.load();
  const raised = withRaisedEpoch(ring, now);
  await ringStore.commit(raised, version);
  return raised;
}
