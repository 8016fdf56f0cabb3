import { presentBundles, type BundleSource } from './bundle-source.js';
import { aborted } from '../runtime/task-group.js';
import { encodeX509Bundles } from './messages.js';
import type { StreamServe } from './workload.js';

/** FetchX509Bundles: the X.509 authorities of every trust domain, and again whenever one changes. */
export function fetchX509Bundles(bundles: BundleSource): StreamServe {
  return async (_workload, signal, push) => {
    presentBundles(bundles);
    bundles.subscribe((set) => push(encodeX509Bundles(set)), signal);
    await aborted(signal);
  };
}
