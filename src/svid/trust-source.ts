import type { IssuancePolicyView, TrustState } from '../domain/trust-state.js';
import type { Clock } from '../runtime/clock.js';
import { withDeadline } from '../runtime/deadline.js';
import { SpirlError, hasCode } from '../runtime/errors.js';
import { sameReads } from './policy-part.js';
import { drawTaintDelay, nextKeysetView, NO_KEYSETS, type KeysetView } from './taint-wave.js';

/** What caching and renewal depend on, as one snapshot. */
export interface TrustView {
  readonly version: number;
  readonly keysets: KeysetView;
  readonly policy: IssuancePolicyView;
}

/** What of the policy is new: `reads` means that keys made before mean nothing now. */
export type PolicyChange = 'none' | 'version' | 'reads';

export interface TrustSourceParts {
  readonly clock: Clock;
  /** 0 up to but not including 1. */
  readonly random: () => number;
  readonly taintDelayMaxMs: number;
}

/** A workload that comes while the agent starts waits this long for the first news of the server. */
const FIRST_NEWS_MS = 2_000;

/** The present view, and the wait for the first one. */
export class TrustSource {
  readonly #parts: TrustSourceParts;
  #keysets: KeysetView = NO_KEYSETS;
  #view: TrustView | undefined;
  #arrived: () => void = () => {};
  readonly #first = new Promise<void>((resolve) => {
    this.#arrived = resolve;
  });

  constructor(parts: TrustSourceParts) {
    this.#parts = parts;
  }

  /** `undefined` until the server was reached for the first time. */
  get view(): TrustView | undefined {
    return this.#view;
  }

  apply(state: TrustState): PolicyChange {
    if (state.bundles.length === 0) return 'none';
    const { clock, random, taintDelayMaxMs } = this.#parts;
    const draw = (): number => drawTaintDelay(taintDelayMaxMs, random);
    this.#keysets = nextKeysetView(this.#keysets, state, clock.monotonic(), draw);
    const before = this.#view?.policy;
    this.#view = { version: state.version, keysets: this.#keysets, policy: state.policy };
    this.#arrived();
    if (before === undefined) return 'none';
    if (!sameReads(before.reads, state.policy.reads)) return 'reads';
    return before.version === state.policy.version ? 'none' : 'version';
  }

  /** The view as soon as there is one. Throws UNAVAILABLE when the server stays away, the signal's reason when it aborts. */
  async known(signal: AbortSignal): Promise<TrustView> {
    if (this.#view === undefined) await this.#wait(signal);
    if (this.#view === undefined) throw new SpirlError('UNAVAILABLE', NOT_REACHED);
    return this.#view;
  }

  async #wait(signal: AbortSignal): Promise<void> {
    try {
      await withDeadline(() => this.#first, FIRST_NEWS_MS, NOT_REACHED, this.#parts.clock, signal);
    } catch (error) {
      if (!hasCode(error, 'DEADLINE_EXCEEDED')) throw error;
    }
  }
}

const NOT_REACHED = 'this agent has not reached its trust-domain server yet';
