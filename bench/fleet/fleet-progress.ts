import { spireDropsAt } from './renewal-rule.js';
import { NO_KEYSET, NOT_STARTED, OLD, TOO_OLD, WANTED, type FleetState } from './fleet-state.js';
import type { IdentityWatch } from './identity-watch.js';
import type { Recorder } from './recorder.js';
import type { RotationModel } from './rotation-model.js';
import type { Scenario } from './scenario.js';

/** How long a scenario goes on after everything is done. */
const AFTERGLOW_MS = 5_000;

/** How far the fleet has come: what is wanted, what is still on the old keyset, and whether all is done. */
export class FleetProgress {
  readonly #scenario: Scenario;
  readonly #fleet: FleetState;
  readonly #recorder: Recorder;
  readonly #watch: IdentityWatch;
  readonly #rotation: RotationModel;
  /** When each agent was started last. */
  readonly #startedAt: Float64Array;
  /** SVIDs that workloads wait for. */
  #wanted = 0;
  /** SVIDs of the old keyset whose agents know what a taint is. */
  #old = 0;
  #tainted = false;
  #quietSince: number | undefined;

  constructor(
    scenario: Scenario,
    parts: { fleet: FleetState; recorder: Recorder; watch: IdentityWatch; rotation: RotationModel },
  ) {
    this.#scenario = scenario;
    this.#fleet = parts.fleet;
    this.#recorder = parts.recorder;
    this.#watch = parts.watch;
    this.#rotation = parts.rotation;
    this.#startedAt = new Float64Array(parts.fleet.agents);
  }

  /** An agent that runs when the scenario begins. */
  runsAlready(agent: number): void {
    if (((this.#fleet.agentFlags[agent] ?? 0) & TOO_OLD) === 0) this.#old += this.#held(agent);
  }

  /** An agent that will be started; its workloads want all of their SVIDs. */
  willStart(agent: number): void {
    this.#fleet.agentFlags[agent] = (this.#fleet.agentFlags[agent] ?? 0) | NOT_STARTED;
    this.#wanted += this.#held(agent);
  }

  /** An agent starts, or starts again: then what it held is wanted. Returns which of the two it was. */
  started(agent: number, now: number): 'first' | 'again' {
    const flags = this.#fleet.agentFlags[agent] ?? 0;
    this.#startedAt[agent] = now;
    if ((flags & NOT_STARTED) !== 0) {
      this.#fleet.agentFlags[agent] = flags & ~NOT_STARTED;
      return 'first';
    }
    const to = this.#fleet.first[agent + 1] ?? 0;
    for (let svid = this.#fleet.first[agent] ?? 0; svid < to; svid++) {
      if (((this.#fleet.flags[svid] ?? 0) & WANTED) === 0) this.#wanted++;
    }
    return 'again';
  }

  tainted(): void {
    this.#tainted = true;
    let old = 0;
    for (let svid = 0; svid < this.#fleet.svids; svid++) if (this.#fleet.keyset[svid] === OLD) old++;
    this.#recorder.taintBegins(old);
  }

  removed(now: number): void {
    this.#watch.removedAt = now;
  }

  /** `svid` gets a successor that keyset `successor` signed; it is not noted yet. */
  replacing(svid: number, agent: number, successor: number, now: number): void {
    const keyset = this.#fleet.keyset[svid];
    if (keyset === NO_KEYSET) {
      this.#recorder.firstCame(now - (this.#startedAt[agent] ?? 0));
    } else {
      this.#watch.replacing(svid, agent, now);
    }
    if (((this.#fleet.flags[svid] ?? 0) & WANTED) !== 0) this.#wanted--;
    const knowsTaints = ((this.#fleet.agentFlags[agent] ?? 0) & TOO_OLD) === 0;
    if (keyset === NO_KEYSET && successor === OLD && knowsTaints) this.#old++;
    if (keyset !== OLD || successor === OLD) return;
    if (knowsTaints) this.#old--;
    if (this.#tainted) this.#recorder.replaced(now);
    this.#hole(svid, agent, now);
  }

  /** Notes how it stands at the end of a second; returns whether everything is done. `turns`: failures to come. */
  look(second: number, waiting: number, turns: number, now: number): boolean {
    this.#recorder.waiting[second - 1] = waiting;
    this.#recorder.onOld[second - 1] = this.#tainted ? this.#recorder.oldNow : NaN;
    return turns === 0 && this.#isDone(now);
  }

  /** Nothing is planned any more and nobody waits: what goes on is the ordinary life of the fleet. */
  #isDone(now: number): boolean {
    const { agents, failures, rotation } = this.#scenario;
    const last = rotation.removeAfter === undefined ? 'taint' : 'remove';
    const failed = this.#rotation.failure !== undefined;
    const committedAt = this.#rotation.committedAt(last) ?? (failed ? now : Infinity);
    if (this.#wanted > 0) return false;
    if (!rotation.enabled) return (agents.start === 'cold' || failures.length > 0) && this.#quiet(now);
    return committedAt <= now && this.#old === 0 && this.#quiet(now, committedAt);
  }

  #quiet(now: number, since = 0): boolean {
    this.#quietSince ??= now;
    return now - Math.max(this.#quietSince, since) >= AFTERGLOW_MS;
  }

  #hole(svid: number, agent: number, now: number): void {
    const forcedAt = this.#fleet.forcedAt[agent] ?? Infinity;
    if (this.#scenario.agents.rule !== 'spire' || !Number.isFinite(forcedAt)) return;
    const dropsAt = spireDropsAt(svid - (this.#fleet.first[agent] ?? 0), forcedAt);
    if (dropsAt <= now) this.#recorder.hole(now - dropsAt);
  }

  #held(agent: number): number {
    return (this.#fleet.first[agent + 1] ?? 0) - (this.#fleet.first[agent] ?? 0);
  }
}
