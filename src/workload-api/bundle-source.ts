import type { TrustBundle } from '../domain/trust-bundle.js';
import { SpirlError } from '../runtime/errors.js';

/** Every bundle of the node, as one immutable snapshot; the agent's own trust domain first. */
export interface BundleSet {
  readonly version: number;
  /** Empty until the server was reached for the first time. */
  readonly bundles: readonly TrustBundle[];
}

/** The present bundles and each newer set (`runtime/latest`). */
export interface BundleSource {
  readonly value: BundleSet;
  subscribe(listener: (bundles: BundleSet) => void, signal: AbortSignal): void;
}

/** The present bundles. Throws UNAVAILABLE while there are none. */
export function presentBundles(source: BundleSource): BundleSet {
  const { value } = source;
  if (value.bundles.length > 0) return value;
  throw new SpirlError('UNAVAILABLE', 'no trust bundle yet: the trust domain server was not reached');
}
