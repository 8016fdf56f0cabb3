import type { RenewalChance } from '../../src/svid/renewal-chance.js';
import { renewalFraction } from '../../src/svid/renewal-schedule.js';
import { drawTaintDelay } from '../../src/svid/taint-wave.js';
import { agentDraw, renewalDraw } from '../fleet/random.js';
import type { LightAgentPlan, LightFleetOptions } from './light-fleet-options.js';

/** Uids of workloads begin here; each SVID of the fleet has one of its own. */
const FIRST_UID = 100_000;
/** The simulator counts the issues of an SVID in a byte. */
const ISSUES = 256;

/** Uid of the workload that has SVID number `svid` of the fleet. */
export function uidOf(svid: number): number {
  return FIRST_UID + svid;
}

/** Chance of one agent as the simulator has it for the same seed. `waits` is told of each wait after a taint. */
export function seededChance(
  { index, firstSvid, svids }: LightAgentPlan,
  { seed, taintDelayMaxMs }: Pick<LightFleetOptions, 'seed' | 'taintDelayMaxMs'>,
  waits: (waitMs: number) => void,
): RenewalChance {
  const issues = new Array<number>(svids).fill(0);
  return {
    taintDelay: () => {
      const draw = agentDraw(seed, index);
      waits(drawTaintDelay(taintDelayMaxMs, () => draw));
      return draw;
    },
    renewal: (agentId, identity, serial) => {
      const place = Number(identity.slice(identity.lastIndexOf('/') + 1)) - uidOf(firstSvid);
      // A server with another policy names identities otherwise.
      if (!(place >= 0 && place < svids)) return renewalFraction(agentId, identity, serial);
      const nth = issues[place] ?? 0;
      issues[place] = nth + 1;
      return renewalDraw(seed, firstSvid + place, nth % ISSUES);
    },
  };
}
