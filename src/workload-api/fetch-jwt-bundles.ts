import { presentBundles, type BundleSource } from './bundle-source.js';
import { aborted } from '../runtime/task-group.js';
import { encodeJwtBundles } from './messages.js';
import type { StreamServe } from './workload.js';

/** FetchJWTBundles: the JWKS of every trust domain, and again whenever one changes. */
export function fetchJwtBundles(bundles: BundleSource): StreamServe {
  return async (_workload, signal, push) => {
    presentBundles(bundles);
    bundles.subscribe((set) => push(encodeJwtBundles(set)), signal);
    await aborted(signal);
  };
}
