import type { DeploymentKeysets, TrustBundle } from 'spirl-agent/domain/trust-bundle.js';
import type { IssuancePolicyView } from 'spirl-agent/domain/trust-state.js';
import { syncState } from './messages.js';

/** What every agent of the deployment is told. */
export interface TrustSnapshot {
  readonly version: number;
  /** The agents' own trust domain first. */
  readonly bundles: readonly TrustBundle[];
  readonly deployments: readonly DeploymentKeysets[];
  /** DER. */
  readonly sessionCa: readonly Uint8Array[];
}

/** What the agents of one cluster are told besides. */
export interface ClusterView {
  readonly policy: IssuancePolicyView;
  /** Managed sections by name: the spec. */
  readonly sections: Readonly<Record<string, unknown>>;
}

export interface ClusterStatesOptions {
  readonly trust: {
    readonly value: TrustSnapshot;
    subscribe(listener: () => void, signal: AbortSignal): void;
  };
  readonly clusters: {
    view(clusterId: string): ClusterView;
    /** Calls `changed` at least after each change of that cluster's view. */
    subscribe(clusterId: string, changed: () => void, signal: AbortSignal): void;
  };
  /** The deployment whose revision agents acknowledge. */
  readonly deploymentId: string;
}

/** What the agents of one cluster are told; the same object for all of them until it changes. */
export interface ClusterState {
  /** A `SyncResponse` without its version. */
  readonly wire: object;
  /** Of this deployment's ring. */
  readonly revision: number;
}

/** Streams that are told of a change per turn of the event loop, some 50 ms: the last of thousands waits for few acknowledgements of the first. */
const TOLD_PER_TURN = 2_500;

/** What each cluster's agents are told, made once per change however many of them there are. */
export class ClusterStates {
  readonly #options: ClusterStatesOptions;
  readonly #feeds = new Map<string, ClusterFeed>();

  constructor(options: ClusterStatesOptions) {
    this.#options = options;
  }

  /** Calls `changed` whenever the cluster's state may be another one, until `signal` aborts. Returns how to read the present one. */
  follow(clusterId: string, changed: () => void, signal: AbortSignal): () => ClusterState {
    let feed = this.#feeds.get(clusterId);
    if (feed === undefined) this.#feeds.set(clusterId, (feed = new ClusterFeed(this.#options, clusterId)));
    const followed = feed;
    followed.add(changed);
    const leave = (): void => {
      if (followed.remove(changed) === 0) this.#feeds.delete(clusterId);
    };
    if (signal.aborted) leave();
    else signal.addEventListener('abort', leave, { once: true });
    return () => followed.state();
  }
}

class ClusterFeed {
  readonly #options: ClusterStatesOptions;
  readonly #clusterId: string;
  readonly #followers = new Set<() => void>();
  /** Those who have not been told of the last change yet. */
  #untold = new Set<() => void>();
  readonly #ended = new AbortController();
  #telling = false;
  #stale = true;
  #content = '';
  #state: ClusterState | undefined;

  constructor(options: ClusterStatesOptions, clusterId: string) {
    this.#options = options;
    this.#clusterId = clusterId;
    const changed = (): void => this.#changed();
    options.trust.subscribe(changed, this.#ended.signal);
    options.clusters.subscribe(clusterId, changed, this.#ended.signal);
  }

  add(follower: () => void): void {
    this.#followers.add(follower);
  }

  /** How many are left; after the last one it follows nothing any more. */
  remove(follower: () => void): number {
    this.#followers.delete(follower);
    this.#untold.delete(follower);
    if (this.#followers.size === 0) this.#ended.abort();
    return this.#followers.size;
  }

  /** Another object only when the content is another one. Throws what a cluster that has gone throws. */
  state(): ClusterState {
    if (this.#stale || this.#state === undefined) {
      const { trust, clusters, deploymentId } = this.#options;
      const { bundles, deployments, sessionCa, version } = trust.value;
      const view = clusters.view(this.#clusterId);
      const content = JSON.stringify([version, view]);
      if (content !== this.#content || this.#state === undefined) {
        const revision = deployments.find((deployment) => deployment.deploymentId === deploymentId)?.revision ?? 0;
        this.#state = { wire: syncState({ bundles, deployments, sessionCa, ...view }), revision };
        this.#content = content;
      }
      this.#stale = false;
    }
    return this.#state;
  }

  #changed(): void {
    this.#stale = true;
    this.#untold = new Set(this.#followers);
    this.#tell();
  }

  #tell(): void {
    if (this.#telling || this.#untold.size === 0) return;
    this.#telling = true;
    setImmediate(() => {
      this.#telling = false;
      let left = TOLD_PER_TURN;
      for (const follower of this.#untold) {
        this.#untold.delete(follower);
        follower();
        if (--left === 0) break;
      }
      this.#tell();
    });
  }
}
