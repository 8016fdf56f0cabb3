import { GateStore } from './gate-store.js';
import { agentDraw } from './random.js';

/** How an agent works off what a taint makes it renew. */
export interface RenewalRule {
  /** When the `place`th SVID of `agent` has to be renewed, if the agent may begin at `force`. */
  forcedAt(agent: number, place: number, force: number): number;
  /** How many of `wanted` may start now; they start at once. */
  release(agent: number, wanted: number, now: number): number;
  /** When `release` may let another one start. */
  opensAt(agent: number, now: number): number;
  forget(agent: number): void;
}

/** This project’s: everything from the agent's moment on, through the gate that agents ship with. */
export function gatedRule(perSecond: number): RenewalRule {
  const gates = new GateStore(perSecond);
  return {
    forcedAt: (_agent, _place, force) => force,
    release: (agent, wanted, now) => gates.release(agent, wanted, now),
    opensAt: (agent, now) => gates.opensAt(agent, now),
    forget: (agent) => gates.forget(agent),
  };
}

// SPIRE's rule: 100 at a time, every 5 s; what was taken out of the cache is signed by a loop that looks every 500 ms.
const BATCH = 100;
export const SPIRE_BATCH_EVERY_MS = 5_000;
const SIGN_EVERY_MS = 500;
const SIGN_AT_MOST = 500;

/** The moment at which SPIRE's agent takes the `place`th SVID out of its cache; it is signed anew up to 500 ms later. */
export function spireDropsAt(place: number, force: number): number {
  return force + Math.floor(place / BATCH) * SPIRE_BATCH_EVERY_MS;
}

/** SPIRE's, for comparison. `force` is the moment at which the agent has polled the taint. */
export function spireRule(seed: number): RenewalRule {
  return {
    forcedAt: (agent, place, force) => {
      const drops = spireDropsAt(place, force);
      return Number.isFinite(drops) ? drops + SIGN_EVERY_MS * agentDraw(seed, agent) : drops;
    },
    release: (_agent, wanted) => Math.min(wanted, SIGN_AT_MOST),
    opensAt: (_agent, now) => now + SIGN_EVERY_MS,
    forget: () => {},
  };
}
