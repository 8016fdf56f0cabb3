import { BACKDATE_MS } from '../../server-stub/src/signer/x509-signer.js';
import { lifetimeOf, renewalDueAt } from '../../src/svid/renewal-schedule.js';
import { sampler } from './distribution.js';
import { Random, renewalDraw } from './random.js';
import type { Scenario } from './scenario.js';

/** Keysets of a simulated rotation, as they are noted per SVID. */
export const OLD = 0;
export const NEW = 1;
/** The workload has no SVID at all. */
export const NO_KEYSET = 2;

/** Flags of an SVID. */
export const IN_FLIGHT = 1;
/** The agent has none for a workload that wants one; the workload may still hold an older copy. */
export const WANTED = 2;

/** Flags of an agent. */
export const TOO_OLD = 1;
/** Not started yet (cold start). */
export const NOT_STARTED = 2;

/** A fleet as columns: agents by index, their SVIDs from `first[agent]` up to `first[agent + 1]`. Times: ms from the start. */
export class FleetState {
  readonly agents: number;
  readonly svids: number;
  readonly first: Int32Array;
  readonly zone: Uint8Array;
  readonly replica: Int16Array;
  readonly agentFlags: Uint8Array;
  /** From when the agent has a connection; Infinity: it has none and does not know when. */
  readonly connectedAt: Float64Array;
  /** The connection is then so old that another is opened, perhaps to another replica. */
  readonly connectedUntil: Float64Array;
  /** Trust state that the agent has. */
  readonly version: Uint8Array;
  /** When what the old keyset signed has to be renewed because of that; Infinity: no such reason. */
  readonly forcedAt: Float64Array;
  /** When the agent looks again; Infinity: never. */
  readonly wakeAt: Float64Array;
  /** Renewal messages under way. */
  readonly calls: Uint8Array;
  /** First SVIDs under way. */
  readonly firsts: Uint16Array;

  readonly dueAt: Float64Array;
  readonly notAfter: Float64Array;
  readonly keyset: Uint8Array;
  readonly flags: Uint8Array;
  readonly attempts: Uint8Array;
  /** The next SVID in the same message. */
  readonly next: Int32Array;
  /** Not before this after a failure; made when the first one fails. */
  retryAt: Float64Array | undefined;
  /** How often each SVID was issued, from 255 on again from 0. */
  readonly #issues: Uint8Array;
  readonly #seed: number;

  constructor(scenario: Scenario, seed: number) {
    const { count, svids } = scenario.agents;
    const random = new Random(seed, 2);
    this.#seed = seed;
    this.agents = count;
    this.first = new Int32Array(count + 1);
    const draw = sampler(svids, random);
    for (let agent = 0; agent < count; agent++) {
      const held = Math.max(1, Math.min(10_000, Math.round(draw())));
      this.first[agent + 1] = (this.first[agent] ?? 0) + held;
    }
    this.svids = this.first[count] ?? 0;
    this.zone = new Uint8Array(count);
    this.replica = new Int16Array(count);
    this.agentFlags = new Uint8Array(count);
    this.connectedAt = new Float64Array(count);
    this.connectedUntil = new Float64Array(count);
    this.version = new Uint8Array(count);
    this.forcedAt = new Float64Array(count).fill(Infinity);
    this.wakeAt = new Float64Array(count).fill(Infinity);
    this.calls = new Uint8Array(count);
    this.firsts = new Uint16Array(count);
    this.dueAt = new Float64Array(this.svids);
    this.notAfter = new Float64Array(this.svids);
    this.keyset = new Uint8Array(this.svids);
    this.flags = new Uint8Array(this.svids);
    this.attempts = new Uint8Array(this.svids);
    this.next = new Int32Array(this.svids);
    this.#issues = new Uint8Array(this.svids);
    this.#fill(scenario, random);
  }

  setRetryAt(svid: number, at: number): void {
    this.retryAt ??= new Float64Array(this.svids);
    this.retryAt[svid] = at;
  }

  /** Notes that `svid` was issued at `now`, by the rules that the agent ships with. */
  issued(svid: number, now: number, ttlMs: number): void {
    const nth = this.#issues[svid] ?? 0;
    this.#issues[svid] = nth + 1;
    const fraction = renewalDraw(this.#seed, svid, nth);
    const notAfter = now + ttlMs;
    this.notAfter[svid] = notAfter;
    this.dueAt[svid] = renewalDueAt(lifetimeOf({ notBefore: now - BACKDATE_MS, notAfter }, now), fraction);
  }

  #fill(scenario: Scenario, random: Random): void {
    const { agents, svids, network } = scenario;
    for (let agent = 0; agent < this.agents; agent++) {
      this.zone[agent] = agent % network.zones;
      if (random.next() < agents.tooOld) this.agentFlags[agent] = TOO_OLD;
    }
    for (let svid = 0; svid < this.svids; svid++) {
      if (agents.start === 'cold') {
        this.keyset[svid] = NO_KEYSET;
        this.flags[svid] = WANTED;
        this.notAfter[svid] = -Infinity;
        this.dueAt[svid] = Infinity;
        continue;
      }
      this.issued(svid, 0, svids.x509TTL);
      if (agents.start === 'together') continue;
      // In a fleet at rest the time since the last renewal is spread evenly over the time between two.
      const age = random.next() * (this.dueAt[svid] ?? 0);
      this.dueAt[svid] = (this.dueAt[svid] ?? 0) - age;
      this.notAfter[svid] = (this.notAfter[svid] ?? 0) - age;
    }
  }
}
