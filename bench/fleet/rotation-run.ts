import type { AgentModel } from './agent-model.js';
import type { CalendarQueue } from './calendar-queue.js';
import { STEP } from './event-kinds.js';
import type { FleetProgress } from './fleet-progress.js';
import { NEW, OLD, TOO_OLD, type FleetState } from './fleet-state.js';
import type { NetworkModel } from './network-model.js';
import type { RotationModel } from './rotation-model.js';
import { TAINTED, type TrustStates } from './trust-states.js';

/** Versions of the trust state. */
const ACTIVATED = 2;
const REMOVED = 4;

export interface RotationRunParts {
  readonly fleet: FleetState;
  readonly events: CalendarQueue;
  readonly network: NetworkModel;
  readonly agents: AgentModel;
  readonly trust: TrustStates;
  readonly rotation: RotationModel;
  readonly progress: FleetProgress;
}

/** The rotation as it happens: steps are committed, published, and taken in by agents. */
export class RotationRun {
  readonly #parts: RotationRunParts;
  #version = 0;

  constructor(parts: RotationRunParts) {
    this.#parts = parts;
  }

  /** The keyset that signs now. */
  get activeKeyset(): number {
    return this.#version >= ACTIVATED ? NEW : OLD;
  }

  scheduleNext(): void {
    const at = this.#parts.rotation.nextCommit();
    if (at !== undefined) this.#parts.events.schedule(at, STEP, 0);
  }

  /** The next step is committed. */
  commit(now: number): void {
    const { rotation, network, progress } = this.#parts;
    this.#version++;
    if (this.#version === TAINTED) progress.tainted();
    if (this.#version === REMOVED) progress.removed(now);
    rotation.committed(now, network.publish(now));
    this.scheduleNext();
  }

  /** The present trust state has come to `agent`, if it reaches it. */
  takeIn(agent: number, now: number): void {
    const { fleet, network, trust, agents } = this.#parts;
    const known = fleet.version[agent] ?? 0;
    const connected = (fleet.connectedAt[agent] ?? Infinity) <= now;
    if (network.isCut(agent) || !connected || known >= this.#version) return;
    fleet.version[agent] = this.#version;
    if (((fleet.agentFlags[agent] ?? 0) & TOO_OLD) !== 0) return;
    if (this.#version < TAINTED || (known >= TAINTED && this.#version === TAINTED)) return;
    const forcedAt = trust.forcedAt(agent, known, this.#version, now);
    fleet.forcedAt[agent] = forcedAt;
    agents.wakeBy(agent, Math.max(now, forcedAt));
  }
}
