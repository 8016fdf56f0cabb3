import type { X509Svid } from './svid.js';
import type { TrustBundle } from './trust-bundle.js';

/**
 * What FetchX509SVID shows a workload: one immutable object per identity, shared by all its streams; another object only when
 * the content is another, so that it can be encoded once and compared by reference.
 */
export interface X509Context {
  /** At least one; the first is the default identity. */
  readonly svids: readonly X509Svid[];
  readonly bundle: TrustBundle;
  readonly federatedBundles: readonly TrustBundle[];
}
