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

/** Streams that are told of a change per turn of the event loop, some 30 ms: the last of thousands waits for few acknowledgements of the first. */
const TOLD_PER_TURN = 2_500;

/** An agent's stream. */
export interface Follower {
  /** The state may be another one. */
  changed(): void;
}

/** What each cluster's agents are told, made once per change however many of them there are. */
export class ClusterStates {
  readonly #options: ClusterStatesOptions;
  readonly #feeds = new Map<string, ClusterFeed>();

  constructor(options: ClusterStatesOptions) {
    this.#options = options;
  }

  /** Tells `follower` of the cluster's changes until it leaves the feed that is returned. */
  follow(clusterId: string, follower: Follower): ClusterFeed {
    let feed = this.#feeds.get(clusterId);
    if (feed === undefined) {
      feed = new ClusterFeed(this.#options, clusterId, () => this.#feeds.delete(clusterId));
      this.#feeds.set(clusterId, feed);
    }
    feed.add(follower);
    return feed;
  }
}

/** What the agents of one cluster are told, and the streams that are told it. */
export class ClusterFeed {
  readonly #options: ClusterStatesOptions;
  readonly #clusterId: string;
  readonly #deserted: () => void;
  readonly #followers = new Set<Follower>();
  /** Those who have not been told of the last change yet. */
  #untold = new Set<Follower>();
  readonly #ended = new AbortController();
  #telling = false;
  #stale = true;
  #content = '';
  #state: ClusterState | undefined;

  /** `deserted` is told when the last follower has left; the feed follows nothing any more then. */
  constructor(options: ClusterStatesOptions, clusterId: string, deserted: () => void) {
    this.#options = options;
    this.#clusterId = clusterId;
    this.#deserted = deserted;
    const changed = (): void => this.#changed();
    options.trust.subscribe(changed, this.#ended.signal);
    options.clusters.subscribe(clusterId, changed, this.#ended.signal);
  }

  add(follower: Follower): void {
    this.#followers.add(follower);
  }

  leave(follower: Follower): void {
    this.#untold.delete(follower);
    if (!this.#followers.delete(follower) || this.#followers.size > 0) return;
    this.#ended.abort();
    this.#deserted();
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
        follower.changed();
        if (--left === 0) break;
      }
      this.#tell();
    });
  }
}
