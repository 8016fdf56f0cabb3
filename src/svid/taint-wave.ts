import type { KeysetState } from '../domain/keyset-state.js';
import type { DeploymentKeysets } from '../domain/trust-bundle.js';

/** Upper bound of the random wait before a taint renewal; spreads one taint over the fleet. */
export const TAINT_DELAY_MAX_MS = 60_000;

/** The last thirtieth of the longest wait is left for sending and answers, so a wave of N ends by the longest wait + N/20 s. */
const DRAWN_PART = 29 / 30;

/** How many keysets that are gone are remembered; a deployment has at most 16 living ones. */
const REMEMBERED_KEYSETS = 256;

/** What an agent knows of keysets: their states and, per taint, the one moment from which it renews. Immutable. */
export interface KeysetView {
  /** Version of the trust state that it was made from; 0 before the first. */
  readonly version: number;
  readonly states: ReadonlyMap<string, KeysetState>;
  /** Every keyset that was ever listed, oldest first. */
  readonly seen: ReadonlySet<string>;
  /** Tainted keyset to the monotonic moment (ms) from which what it signed is renewed. */
  readonly releaseAt: ReadonlyMap<string, number>;
}

export const NO_KEYSETS: KeysetView = { version: 0, states: new Map(), seen: new Set(), releaseAt: new Map() };

/** What signed an SVID, and the version of the trust state when the SVID came. */
export interface Signed {
  readonly keysetId: string;
  readonly trustVersion: number;
}

/** One wait per agent and taint, uniform. `random` gives 0 up to but not including 1. */
export function drawTaintDelay(maxMs: number, random: () => number): number {
  return random() * maxMs * DRAWN_PART;
}

/**
 * Takes in a trust state. A keyset seen tainted for the first time gets its moment, `draw()` from `now` (monotonic ms); one that
 * was known to be tainted keeps it, whatever else is tainted meanwhile. A state without deployments says nothing about keysets.
 */
export function nextKeysetView(
  previous: KeysetView,
  state: { readonly version: number; readonly deployments: readonly DeploymentKeysets[] },
  now: number,
  draw: () => number,
): KeysetView {
  if (state.deployments.length === 0) return { ...previous, version: state.version };
  const states = new Map(state.deployments.flatMap(({ keysets }) => Object.entries(keysets)));
  const releaseAt = new Map<string, number>();
  for (const [id, keyset] of states) {
    if (keyset === 'TAINTED') releaseAt.set(id, previous.releaseAt.get(id) ?? now + draw());
  }
  const gone = [...previous.seen].filter((id) => !states.has(id)).slice(-REMEMBERED_KEYSETS);
  return { version: state.version, states, seen: new Set([...gone, ...states.keys()]), releaseAt };
}

/**
 * `absent`: the keyset lives no more. A keyset that no state has listed yet, and that signed after the present one came, is newer
 * than our news and counts as living.
 */
export function standingOf(view: KeysetView, signed: Signed): 'living' | 'tainted' | 'absent' {
  const state = view.states.get(signed.keysetId);
  if (state !== undefined) return state === 'TAINTED' ? 'tainted' : 'living';
  if (view.states.size === 0) return 'living';
  return view.seen.has(signed.keysetId) || view.version > signed.trustVersion ? 'absent' : 'living';
}

/** The monotonic moment (ms) from which an SVID has to be renewed because of its keyset; `undefined`: no such reason. */
export function forcedRenewalAt(view: KeysetView, signed: Signed): number | undefined {
  const standing = standingOf(view, signed);
  if (standing === 'absent') return -Infinity;
  return standing === 'tainted' ? view.releaseAt.get(signed.keysetId) : undefined;
}
