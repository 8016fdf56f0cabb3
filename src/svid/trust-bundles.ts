import type { DeploymentKeysets, TrustBundle } from '../domain/trust-bundle.js';
import type { TrustState } from '../domain/trust-state.js';
import { Latest } from '../runtime/latest.js';
import type { Logger } from '../runtime/logger.js';

/** What the bundle RPCs serve: the agent's own trust domain first. Empty until the server was reached for the first time. */
export interface BundleSet {
  readonly version: number;
  readonly bundles: readonly TrustBundle[];
}

/** The bundles as an X.509 stream shows them: the same objects as long as the X.509 authorities are the same. */
export interface X509Bundles {
  readonly bundle: TrustBundle;
  readonly federatedBundles: readonly TrustBundle[];
}

/** Turns trust states into snapshots of bundles, and logs each change of a bundle. */
export class TrustBundles {
  readonly latest = new Latest<BundleSet>({ version: 0, bundles: [] });
  readonly #log: Logger;
  #state: TrustState | undefined;
  #x509: X509Bundles | undefined;

  /** `log` is the agent's. */
  constructor(log: Logger) {
    this.#log = log.named('bundleRefresher');
  }

  /** `undefined` until the server was reached for the first time. */
  get x509(): X509Bundles | undefined {
    return this.#x509;
  }

  apply(state: TrustState): void {
    const before = new Map(this.#state?.bundles.map((bundle) => [bundle.trustDomain, bundle]));
    const retained = new Map(this.latest.value.bundles.map((bundle) => [bundle.trustDomain, bundle]));
    const bundles = state.bundles.map((next) => retain(retained.get(next.trustDomain), next, sameContent));
    this.#tell(state, before);
    this.#state = state;
    const { value } = this.latest;
    if (!sameObjects(bundles, value.bundles)) this.latest.publish({ version: value.version + 1, bundles });
    this.#x509 = nextX509(this.#x509, state.bundles);
  }

  #tell(state: TrustState, before: ReadonlyMap<string, TrustBundle>): void {
    const keysets = keysetsText(state.deployments) !== keysetsText(this.#state?.deployments ?? []);
    for (const [index, bundle] of state.bundles.entries()) {
      const old = before.get(bundle.trustDomain);
      const changed = old === undefined || old.sequence !== bundle.sequence || !sameContent(old, bundle);
      // A taint changes no authority, but operators look for the line after one. Keysets are those of our own trust domain.
      if (!changed && !(keysets && index === 0)) continue;
      this.#log.info('Bundle added or updated', { trustDomain: bundle.trustDomain, sequence: bundle.sequence });
    }
    const present = new Set(state.bundles.map(({ trustDomain }) => trustDomain));
    for (const trustDomain of before.keys()) {
      if (!present.has(trustDomain)) this.#log.info('Bundle removed', { trustDomain });
    }
  }
}

function nextX509(previous: X509Bundles | undefined, bundles: readonly TrustBundle[]): X509Bundles | undefined {
  const [own, ...others] = bundles;
  if (own === undefined) return previous;
  const old = new Map(previous?.federatedBundles.map((bundle) => [bundle.trustDomain, bundle]));
  const bundle = retain(previous?.bundle, own, sameX509);
  const federated = others.map((next) => retain(old.get(next.trustDomain), next, sameX509));
  const same = previous !== undefined && sameObjects(federated, previous.federatedBundles);
  return { bundle, federatedBundles: same ? previous.federatedBundles : Object.freeze(federated) };
}

function retain(
  old: TrustBundle | undefined,
  next: TrustBundle,
  same: (a: TrustBundle, b: TrustBundle) => boolean,
): TrustBundle {
  return old !== undefined && same(old, next) ? old : next;
}

function sameObjects(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}

function sameX509(a: TrustBundle, b: TrustBundle): boolean {
  return (
    a.trustDomain === b.trustDomain &&
    a.x509Authorities.length === b.x509Authorities.length &&
    a.x509Authorities.every(({ certificate }, index) => {
      const other = b.x509Authorities[index];
      return other !== undefined && Buffer.compare(certificate, other.certificate) === 0;
    })
  );
}

function sameContent(a: TrustBundle, b: TrustBundle): boolean {
  const refreshed = a.refreshHintSeconds === b.refreshHintSeconds;
  return refreshed && sameX509(a, b) && JSON.stringify(a.jwtAuthorities) === JSON.stringify(b.jwtAuthorities);
}

function keysetsText(deployments: readonly DeploymentKeysets[]): string {
  const sorted = deployments.map(({ deploymentId, keysets }) => [deploymentId, Object.entries(keysets).sort()]);
  return JSON.stringify(sorted);
}
