import type { DeploymentKeysets } from '../../src/domain/trust-bundle.js';
import {
  drawTaintDelay,
  forcedRenewalAt,
  NO_KEYSETS,
  nextKeysetView,
  type KeysetView,
} from '../../src/svid/taint-wave.js';
import { agentDraw } from './random.js';

/** The steps of a rotation; the trust state that each publishes has its index plus one as its version. */
export const STEPS = ['prepare', 'activate', 'taint', 'remove'] as const;
export type Step = (typeof STEPS)[number];

/** Versions of the trust state. */
export const TAINTED = 3;

const KEYSETS: readonly DeploymentKeysets['keysets'][] = [
  { old: 'ACTIVE' },
  { old: 'ACTIVE', new: 'PREPARED' },
  { old: 'PREPARED', new: 'ACTIVE' },
  { old: 'TAINTED', new: 'ACTIVE' },
  { new: 'ACTIVE' },
];

const SIGNED_BY_OLD = { keysetId: 'old', trustVersion: 1 };

function stateOf(version: number) {
  const keysets = KEYSETS[version] ?? {};
  return {
    version: version + 1,
    deployments: [{ deploymentId: 'simulated', epoch: 1, revision: version + 1, keysets }],
  };
}

/** What agents make of the trust states, by the code that agents ship with. */
export class TrustStates {
  readonly #seed: number;
  readonly #delayMaxMs: number;
  /** Views before a taint are the same for all agents that have the same state. */
  readonly #views: readonly KeysetView[];

  constructor(seed: number, delayMaxMs: number) {
    this.#seed = seed;
    this.#delayMaxMs = delayMaxMs;
    const views: KeysetView[] = [];
    for (let version = 0; version <= TAINTED; version++) {
      views.push(nextKeysetView(views.at(-1) ?? NO_KEYSETS, stateOf(version), 0, () => 0));
    }
    this.#views = views;
  }

  /**
   * The moment (ms) from which an agent that had state `known` and takes in `version` at `now` renews what the old keyset
   * signed; Infinity: no reason to. The wait of an agent depends on the seed and its index alone.
   */
  forcedAt(agent: number, known: number, version: number, now: number): number {
    const before = this.#views[Math.min(known, TAINTED)] ?? NO_KEYSETS;
    const draw = (): number => drawTaintDelay(this.#delayMaxMs, () => agentDraw(this.#seed, agent));
    const view = nextKeysetView(before, stateOf(version), now, draw);
    return forcedRenewalAt(view, SIGNED_BY_OLD) ?? Infinity;
  }
}
