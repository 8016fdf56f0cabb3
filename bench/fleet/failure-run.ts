import type { CalendarQueue } from './calendar-queue.js';
import { RESTART, SCRIPT } from './event-kinds.js';
import { turnsOf, type Turn } from './failure-script.js';
import type { KeyManagerModel } from './key-manager-model.js';
import type { NetworkModel } from './network-model.js';
import type { Random } from './random.js';
import type { Scenario } from './scenario.js';
import type { ServerModel } from './server-model.js';

export interface FailureRunParts {
  readonly events: CalendarQueue;
  readonly random: Random;
  readonly servers: ServerModel;
  readonly network: NetworkModel;
  readonly keyManager: KeyManagerModel;
}

/** The scenario's failures, as they begin and end. */
export class FailureRun {
  readonly #parts: FailureRunParts;
  readonly #turns: readonly Turn[];
  readonly #agents: number;
  /** Turns that are still to come. */
  toCome: number;

  constructor({ failures, servers, network, agents }: Scenario, parts: FailureRunParts) {
    this.#parts = parts;
    this.#agents = agents.count;
    this.#turns = turnsOf(failures, servers.replicas, network.zones);
    this.toCome = this.#turns.length;
  }

  schedule(): void {
    this.#turns.forEach(({ atMs }, index) => this.#parts.events.schedule(atMs, SCRIPT, index));
  }

  /** Turn `index` of the script has come. */
  turn(index: number, now: number): void {
    this.toCome--;
    const turn = this.#turns[index];
    const { servers, network, keyManager } = this.#parts;
    switch (turn?.turn) {
      case undefined:
        return;
      case 'lose replica':
        servers.lose(turn.replica, now);
        network.replicasChanged();
        network.replicaLost(turn.replica, now);
        return;
      case 'return replica':
        servers.return(turn.replica);
        network.replicasChanged();
        return;
      case 'quota':
        keyManager.setQuota(turn.perSecond, now);
        return;
      case 'key manager away':
        keyManager.setAway(true);
        return;
      case 'key manager back':
        keyManager.setAway(false);
        return;
      case 'cut zone':
        network.cut(turn.zone, now);
        return;
      case 'heal zone':
        network.heal(turn.zone, now);
        return;
      case 'restart agents':
        this.#restart(turn.share, turn.overMs, now);
    }
  }

  #restart(share: number, overMs: number, now: number): void {
    const { events, random } = this.#parts;
    for (let agent = 0; agent < this.#agents; agent++) {
      if (random.next() >= share) continue;
      events.schedule(now + random.next() * overMs, RESTART, agent);
    }
  }
}
