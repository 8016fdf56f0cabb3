import { AgentModel } from './agent-model.js';
import { CalendarQueue } from './calendar-queue.js';
import { sampler } from './distribution.js';
import * as kinds from './event-kinds.js';
import { Exchange, serverEvents } from './exchange.js';
import { FailureRun } from './failure-run.js';
import { FleetProgress } from './fleet-progress.js';
import { FleetState, OLD } from './fleet-state.js';
import { IdentityWatch } from './identity-watch.js';
import { KeyManagerModel } from './key-manager-model.js';
import { MessagePool, PASSER_BY, RENEWAL } from './message-pool.js';
import { NetworkModel } from './network-model.js';
import { Random } from './random.js';
import { Recorder } from './recorder.js';
import { gatedRule, spireRule } from './renewal-rule.js';
import { RotationModel } from './rotation-model.js';
import { RotationRun } from './rotation-run.js';
import type { Scenario } from './scenario.js';
import { ServerModel } from './server-model.js';
import { TrustStates } from './trust-states.js';

/** A restarted agent logs in again after so long. */
const RESTART_MS = 1_000;
const EVENTS_PER_LOOK = 50_000;

/** For tests and progress bars. */
export interface Observer {
  /** Part of the horizon that is over, 0 to 1. */
  progress?(part: number): void;
  /** A renewal starts; `forcedAt`: since when its keyset asks for it (Infinity: not). */
  started?(svid: number, agent: number, now: number, forcedAt: number): void;
  /** An agent's message has ended: `issued` of its SVIDs came; none, when it was refused, lost or too late. */
  ended?(message: EndedMessage): void;
  /** An SVID that the old keyset signed was replaced, after the taint. */
  replaced?(now: number): void;
}

/** One message of an agent. Milliseconds from the start. */
export interface EndedMessage {
  readonly agent: number;
  readonly renewal: boolean;
  readonly items: number;
  readonly issued: number;
  readonly sentAt: number;
  readonly endedAt: number;
}

/** What a simulation leaves behind, for the report. */
export interface Outcome {
  readonly scenario: Scenario;
  readonly seed: number;
  readonly endedAt: number;
  /** Whether everything was done before the horizon. */
  readonly finished: boolean;
  readonly events: number;
  readonly fleet: FleetState;
  readonly recorder: Recorder;
  readonly rotation: RotationModel;
  readonly keyManager: KeyManagerModel;
}

/** Runs a scenario. The same scenario and seed give the same outcome. */
export function simulate(scenario: Scenario, seed: number, observer: Observer = {}): Outcome {
  return new Simulation(scenario, seed, observer).run();
}

/** The parts, put together, and the events that drive them. */
class Simulation {
  readonly #scenario: Scenario;
  readonly #seed: number;
  readonly #observer: Observer;
  readonly #random: Random;
  readonly #events: CalendarQueue;
  readonly #pool = new MessagePool();
  readonly #fleet: FleetState;
  readonly #recorder: Recorder;
  readonly #keyManager: KeyManagerModel;
  readonly #servers: ServerModel;
  readonly #network: NetworkModel;
  readonly #agents: AgentModel;
  readonly #rotation: RotationModel;
  readonly #watch: IdentityWatch;
  readonly #progress: FleetProgress;
  readonly #exchange: Exchange;
  readonly #steps: RotationRun;
  readonly #failures: FailureRun;
  #handled = 0;
  #now = 0;
  #doneAt: number | undefined;

  constructor(scenario: Scenario, seed: number, observer: Observer) {
    this.#scenario = scenario;
    this.#seed = seed;
    this.#observer = observer;
    this.#random = new Random(seed, 1);
    this.#events = new CalendarQueue(scenario.horizon);
    this.#fleet = new FleetState(scenario, seed);
    this.#recorder = new Recorder(scenario.horizon);
    this.#keyManager = new KeyManagerModel(scenario.keyManager, new Random(seed, 3));
    this.#servers = this.#makeServers();
    const parts = { fleet: this.#fleet, pool: this.#pool, events: this.#events, random: this.#random };
    this.#network = new NetworkModel(scenario, { ...parts, alive: () => this.#servers.alive() });
    this.#watch = new IdentityWatch(
      this.#fleet,
      this.#recorder,
      (agent, now) => this.#network.isCut(agent) || (this.#fleet.connectedAt[agent] ?? 0) > now,
    );
    this.#agents = this.#makeAgents(parts);
    this.#rotation = new RotationModel(scenario, this.#random);
    this.#progress = new FleetProgress(scenario, {
      ...{ fleet: this.#fleet, recorder: this.#recorder },
      ...{ watch: this.#watch, rotation: this.#rotation },
    });
    this.#exchange = this.#makeExchange();
    this.#steps = this.#makeSteps();
    this.#failures = new FailureRun(scenario, {
      ...{ events: this.#events, random: this.#random },
      ...{ servers: this.#servers, network: this.#network, keyManager: this.#keyManager },
    });
  }

  run(): Outcome {
    this.#begin();
    const handle = (now: number, kind: number, value: number): void => this.#handle(now, kind, value);
    while (!this.#isOver && this.#handleSome(handle)) this.#observer.progress?.(this.#now / this.#scenario.horizon);
    const endedAt = this.#doneAt ?? this.#scenario.horizon;
    this.#watch.end(endedAt);
    return {
      ...{ scenario: this.#scenario, seed: this.#seed, endedAt, finished: this.#doneAt !== undefined },
      ...{ events: this.#handled, fleet: this.#fleet, recorder: this.#recorder },
      ...{ rotation: this.#rotation, keyManager: this.#keyManager },
    };
  }

  /** False: there are no more events. */
  #handleSome(handle: (now: number, kind: number, value: number) => void): boolean {
    for (let i = 0; i < EVENTS_PER_LOOK && !this.#isOver; i++) if (!this.#events.next(handle)) return false;
    return true;
  }

  get #isOver(): boolean {
    return this.#doneAt !== undefined;
  }

  #makeServers(): ServerModel {
    const told = {
      ...{ pool: this.#pool, recorder: this.#recorder },
      answer: (message: number, now: number) => this.#network.answer(message, now),
    };
    const events = serverEvents(told, () => this.#steps.activeKeyset);
    return new ServerModel(this.#scenario.servers, this.#events, this.#pool, this.#keyManager, events);
  }

  #makeAgents(
    parts: Pick<ConstructorParameters<typeof AgentModel>[1], 'fleet' | 'pool' | 'events' | 'random'>,
  ): AgentModel {
    const { agents } = this.#scenario;
    const rule = agents.rule === 'spire' ? spireRule(this.#seed) : gatedRule(agents.renewalsPerSecond);
    const observer = this.#observer;
    return new AgentModel(
      this.#scenario,
      { ...parts, rule },
      {
        send: (message, now) => this.#exchange.send(message, now),
        replacing: (svid, agent, keyset, now) => {
          const before = this.#recorder.oldNow;
          this.#progress.replacing(svid, agent, keyset, now);
          if (this.#recorder.oldNow < before) observer.replaced?.(now);
        },
        ...(observer.started !== undefined && {
          started: (svid: number, agent: number, now: number): void => {
            const forced = this.#fleet.keyset[svid] === OLD ? (this.#fleet.forcedAt[agent] ?? Infinity) : Infinity;
            observer.started?.(svid, agent, now, forced);
          },
        }),
      },
    );
  }

  #makeExchange(): Exchange {
    return new Exchange({
      ...{ pool: this.#pool, recorder: this.#recorder, network: this.#network },
      ...{ servers: this.#servers, keyManager: this.#keyManager, deadlineMs: this.#scenario.servers.deadline },
      settled: (message, issued, now) => {
        this.#observer.ended?.(this.#endedMessage(message, issued, now));
        if (this.#pool.kind[message] !== PASSER_BY) this.#agents.answered(message, issued, now);
      },
    });
  }

  #endedMessage(message: number, issued: number, endedAt: number): EndedMessage {
    const { agent, kind, items, sentAt } = this.#pool;
    return {
      agent: agent[message] ?? 0,
      renewal: kind[message] === RENEWAL,
      items: items[message] ?? 0,
      sentAt: sentAt[message] ?? 0,
      ...{ issued, endedAt },
    };
  }

  #makeSteps(): RotationRun {
    const { rule, taintDelay } = this.#scenario.agents;
    return new RotationRun({
      ...{ fleet: this.#fleet, events: this.#events, network: this.#network, agents: this.#agents },
      ...{ rotation: this.#rotation, progress: this.#progress },
      trust: new TrustStates(this.#seed, rule === 'spire' ? 0 : taintDelay),
    });
  }

  #begin(): void {
    const { agents, workloads } = this.#scenario;
    const random = new Random(this.#seed, 4);
    const returnAt = sampler(agents.return, random);
    for (let agent = 0; agent < this.#fleet.agents; agent++) {
      if (agents.start === 'cold') {
        this.#progress.willStart(agent);
        this.#isAway(agent);
        this.#events.schedule(random.next() * agents.startOver, kinds.RESTART, agent);
        continue;
      }
      this.#progress.runsAlready(agent);
      if (random.next() < agents.away) {
        this.#isAway(agent);
        this.#events.schedule(returnAt(), kinds.CONNECT, agent);
      } else {
        this.#network.connectedFromStart(agent);
      }
      this.#agents.wakeBy(agent, 0);
    }
    this.#failures.schedule();
    this.#steps.scheduleNext();
    this.#events.schedule(1000, kinds.SECOND, 1);
    if (workloads.new > 0) this.#schedulePasserBy(0);
  }

  #isAway(agent: number): void {
    this.#fleet.connectedAt[agent] = Infinity;
    this.#fleet.replica[agent] = -1;
  }

  #handle(now: number, kind: number, value: number): void {
    this.#now = now;
    this.#handled++;
    this.#exchange.giveUpLate(now);
    switch (kind) {
      case kinds.WAKE:
        this.#agents.woken(value, now);
        break;
      case kinds.ARRIVE:
        this.#exchange.arrive(value, now);
        break;
      case kinds.SERVED:
        this.#servers.served(value, now);
        break;
      case kinds.SIGNED:
        this.#exchange.signed(value, now);
        break;
      case kinds.ANSWER:
        this.#exchange.answer(value, now);
        break;
      case kinds.TRUST:
        this.#steps.takeIn(value, now);
        break;
      case kinds.CONNECT:
        this.#connect(value, now);
        break;
      case kinds.RESTART:
        this.#restart(value, now);
        break;
      case kinds.SECOND:
        this.#second(value, now);
        break;
      case kinds.STEP:
        this.#steps.commit(now);
        break;
      case kinds.SCRIPT:
        this.#failures.turn(value, now);
        break;
      case kinds.PASS_BY:
        this.#passBy(now);
        break;
    }
  }

  #connect(agent: number, now: number): void {
    if (this.#network.connect(agent, now)) this.#agents.wakeBy(agent, now);
  }

  #restart(agent: number, now: number): void {
    if (this.#progress.started(agent, now) === 'again') this.#agents.restarted(agent);
    this.#fleet.connectedAt[agent] = now + RESTART_MS;
    this.#events.schedule(now + RESTART_MS, kinds.CONNECT, agent);
  }

  #schedulePasserBy(now: number): void {
    const waitMs = (-1000 * Math.log(1 - this.#random.next())) / this.#scenario.workloads.new;
    this.#events.schedule(now + waitMs, kinds.PASS_BY, 0);
  }

  #passBy(now: number): void {
    const agent = this.#random.below(this.#fleet.agents);
    this.#exchange.send(this.#pool.open(PASSER_BY, agent, -1, 1, now), now);
    this.#schedulePasserBy(now);
  }

  #second(second: number, now: number): void {
    this.#events.schedule(now + 1000, kinds.SECOND, second + 1);
    if (this.#progress.look(second, this.#servers.waiting(now), this.#failures.toCome, now)) this.#doneAt = now;
  }
}
