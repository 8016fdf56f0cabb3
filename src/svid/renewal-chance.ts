import { renewalFraction } from './renewal-schedule.js';

/** What spreads renewals over a fleet. Both give 0 up to but not including 1. */
export interface RenewalChance {
  /** Once per taint: how much of the longest wait this agent takes. */
  taintDelay(): number;
  /** Once per SVID: where in its time its ordinary renewal lies. */
  renewal(agentId: string, identity: string, serial: string): number;
}

/** What agents run with: chance for the wait after a taint, a hash for the ordinary renewal. */
export function usualRenewalChance(random: () => number): RenewalChance {
  return { taintDelay: random, renewal: renewalFraction };
}
