import type { Attributes } from '../domain/attributes.js';
import type { X509Svid } from '../domain/svid.js';
import type { X509Context } from '../domain/x509-context.js';
import type { PolicyPart } from './policy-part.js';
import type { Lifetime } from './renewal-schedule.js';
import type { X509Bundles } from './trust-bundles.js';

/** One open stream. */
export interface Watcher {
  /** All that attestation found, so that another policy can read another part of it. */
  readonly attributes: Attributes;
  /** Added to the key where each stream has an SVID of its own; else empty. */
  readonly suffix: string;
  /** True until it was given something under the present policy: what its entry holds may be another workload's. */
  waiting: boolean;
  given: X509Context | undefined;
  entry: X509Entry | undefined;
  deliver(context: X509Context): void;
  /** Ends the stream with an error. */
  end(error: unknown): void;
}

/** An SVID and what is known about it here. */
export interface HeldSvid {
  readonly svid: X509Svid;
  readonly lifetime: Lifetime;
  /** Ordinary renewal, ms since the epoch. */
  readonly dueAt: number;
  readonly keysetId: string;
  /** Trust state when it came. */
  readonly trustVersion: number;
  /** Policy version that it was last seen to agree with. */
  readonly policyVersion: number;
}

/** One identity of the cache: its SVID, its streams and where its renewal stands. */
export class X509Entry {
  part: PolicyPart;
  readonly watchers = new Set<Watcher>();
  held: HeldSvid | undefined;
  context: X509Context | undefined;
  /** The mint under way, if any. An answer to another one is of no interest any more. */
  flight: object | undefined;
  /** The policy decides otherwise today. */
  outdated = false;
  attempts = 0;
  /** Renewals denied in a row. */
  denials = 0;
  /** Monotonic ms. */
  retryAt = -Infinity;
  /** Monotonic ms of the last first fetch. */
  askedAt = -Infinity;

  constructor(part: PolicyPart) {
    this.part = part;
  }

  get hasWaiting(): boolean {
    for (const watcher of this.watchers) if (watcher.waiting) return true;
    return false;
  }

  /** Takes a new SVID in place of the old one; every stream may have it. */
  replace(held: HeldSvid, bundles: X509Bundles): void {
    this.held = held;
    this.outdated = false;
    this.attempts = 0;
    this.denials = 0;
    this.retryAt = -Infinity;
    for (const watcher of this.watchers) watcher.waiting = false;
    this.show(bundles);
  }

  /** Gives each stream the present content, if it is another than what it has. */
  show(bundles: X509Bundles): void {
    if (this.held === undefined) return;
    const { svid } = this.held;
    const same =
      this.context?.svids[0] === svid &&
      this.context.bundle === bundles.bundle &&
      this.context.federatedBundles === bundles.federatedBundles;
    if (!same) {
      const { bundle, federatedBundles } = bundles;
      this.context = Object.freeze({ svids: Object.freeze([svid]), bundle, federatedBundles });
    }
    for (const watcher of this.watchers) this.#give(watcher);
  }

  /** Lets a stream follow this entry. */
  adopt(watcher: Watcher): void {
    watcher.entry?.watchers.delete(watcher);
    watcher.entry = this;
    this.watchers.add(watcher);
    this.#give(watcher);
  }

  /** Ends the streams for which `which` holds. */
  end(error: unknown, which: (watcher: Watcher) => boolean = () => true): void {
    for (const watcher of [...this.watchers]) {
      if (!which(watcher)) continue;
      this.watchers.delete(watcher);
      watcher.entry = undefined;
      watcher.end(error);
    }
  }

  #give(watcher: Watcher): void {
    if (watcher.waiting || this.context === undefined || watcher.given === this.context) return;
    watcher.given = this.context;
    try {
      watcher.deliver(this.context);
    } catch (error) {
      // One stream's failure to take it is its own.
      this.end(error, (other) => other === watcher);
    }
  }
}
