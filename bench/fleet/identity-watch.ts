import { NEW, NO_KEYSET, OLD, TOO_OLD, type FleetState } from './fleet-state.js';
import type { Recorder } from './recorder.js';

export const CAUSES = {
  tooOld: 'agents too old to know the taint: the old keyset was removed before their ordinary renewal',
  cutOff: 'agents without a way to the server',
  removed: 'the old keyset was removed before the renewal was done',
  late: 'the servers did not issue in time',
} as const;

/** Follows which identities hold a valid SVID: whatever a workload holds counts, until it ends or its keyset is removed. */
export class IdentityWatch {
  readonly #fleet: FleetState;
  readonly #recorder: Recorder;
  readonly #isCutOff: (agent: number, now: number) => boolean;
  removedAt = Infinity;

  constructor(fleet: FleetState, recorder: Recorder, isCutOff: (agent: number, now: number) => boolean) {
    this.#fleet = fleet;
    this.#recorder = recorder;
    this.#isCutOff = isCutOff;
  }

  /** `svid` gets a successor at `now`. */
  replacing(svid: number, agent: number, now: number): void {
    const validUntil = this.#validUntil(svid);
    if (validUntil < now) this.#recorder.gap(this.#cause(svid, agent, now), now - validUntil, 'closed');
  }

  /** Counts what is without a valid SVID at the end. */
  end(now: number): void {
    for (let agent = 0; agent < this.#fleet.agents; agent++) {
      const to = this.#fleet.first[agent + 1] ?? 0;
      for (let svid = this.#fleet.first[agent] ?? 0; svid < to; svid++) {
        const validUntil = this.#validUntil(svid);
        if (validUntil < now) this.#recorder.gap(this.#cause(svid, agent, now), now - validUntil, 'open');
      }
    }
  }

  #validUntil(svid: number): number {
    const keyset = this.#fleet.keyset[svid] ?? NEW;
    // Who has none yet waits for the first one: that is counted elsewhere.
    if (keyset === NO_KEYSET) return Infinity;
    const notAfter = this.#fleet.notAfter[svid] ?? Infinity;
    return keyset === OLD ? Math.min(notAfter, this.removedAt) : notAfter;
  }

  #cause(svid: number, agent: number, now: number): string {
    const removed = (this.#fleet.notAfter[svid] ?? Infinity) > this.removedAt && this.#fleet.keyset[svid] === OLD;
    if (removed && ((this.#fleet.agentFlags[agent] ?? 0) & TOO_OLD) !== 0) return CAUSES.tooOld;
    if (this.#isCutOff(agent, now)) return CAUSES.cutOff;
    return removed ? CAUSES.removed : CAUSES.late;
  }
}
