import { SpiffeId } from '../../../src/domain/spiffe-id.js';
import { systemClock } from '../../../src/runtime/clock.js';
import { silentLogger } from '../../../src/runtime/logger.js';
import { MINT_LIMITS } from '../../../server-stub/src/signer/mint-limits.js';
import { startThread, type StartThread } from '../../../server-stub/src/signer/mint-thread.js';
import { MintWorkers } from '../../../server-stub/src/signer/mint-workers.js';
import { X509Signer } from '../../../server-stub/src/signer/x509-signer.js';
import { callerOf } from '../../fakes/svid-caller.js';
import { forever, sharedKey } from './signing-keys.js';
import { caOf, NOW } from './test-ca.js';

const REQUEST = { spiffeId: SpiffeId.parse('spiffe://example.org/any'), subject: [], ttlMs: 60_000 };

/** A minter whose only worker, a real thread, has started and mints everything in batches. */
export async function openThreadMinter(fail: () => void, start: StartThread = startThread, slice = 0) {
  const minter = new MintWorkers({
    ...{ clock: systemClock, logger: silentLogger, workers: 1, crowd: () => 100 },
    metrics: { mintWorkerFailed: fail },
    // Whatever reaches the main thread for lack of a place in a batch would not be the worker's.
    limits: { ...MINT_LIMITS, perSecond: 0, slice, leastBatch: 1 },
    start,
  });
  const stop = new AbortController();
  const running = minter.run(stop.signal);
  const key = sharedKey();
  const signer = new X509Signer(await caOf(key), key);
  while (minter.places <= slice) {
    await minter.mint(signer, REQUEST, NOW, callerOf(forever));
    await new Promise((resolve) => setImmediate(resolve));
  }
  const end = async (): Promise<void> => {
    stop.abort();
    await running;
  };
  return { minter, end };
}
