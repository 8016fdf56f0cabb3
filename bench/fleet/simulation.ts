import { AgentModel } from './agent-model.js';
import { CalendarQueue } from './calendar-queue.js';
import { sampler } from './distribution.js';
import * as kinds from './event-kinds.js';
import { turnsOf, type Turn } from './failure-script.js';
import { FleetState, NEW, NO_KEYSET, NOT_STARTED, OLD, TOO_OLD } from './fleet-state.js';
import { IdentityWatch } from './identity-watch.js';
import { KeyManagerModel } from './key-manager-model.js';
import { MessagePool, NumberQueue, PASSER_BY, RENEWAL } from './message-pool.js';
import { NetworkModel } from './network-model.js';
import { Random } from './random.js';
import { Recorder } from './recorder.js';
import { gatedRule, spireDropsAt, spireRule } from './renewal-rule.js';
import { RotationModel } from './rotation-model.js';
import type { Scenario } from './scenario.js';
import { ServerModel } from './server-model.js';
import { TrustStates } from './trust-states.js';

/** A restarted agent logs in again after so long. */
const RESTART_MS = 1_000;
/** How long a scenario goes on after everything is done. */
const AFTERGLOW_MS = 5_000;
const EVENTS_PER_LOOK = 50_000;

/** For tests and progress bars. */
export interface Observer {
  /** Part of the horizon that is over, 0 to 1. */
  progress?(part: number): void;
  /** A renewal starts; `forcedAt`: since when its keyset asks for it (Infinity: not). */
  started?(svid: number, agent: number, now: number, forcedAt: number): void;
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
  readonly #trust: TrustStates;
  readonly #rotation: RotationModel;
  readonly #watch: IdentityWatch;
  readonly #turns: readonly Turn[];
  /** Messages in the order in which their agents give up, and their generations. */
  readonly #deadlines = new NumberQueue();
  readonly #generations = new NumberQueue();
  readonly #startedAt: Float64Array;
  #version = 0;
  #wanted = 0;
  /** SVIDs of the old keyset whose agents know what a taint is. */
  #old = 0;
  #scripted: number;
  #handled = 0;
  #doneAt: number | undefined;
  #tainted = false;

  constructor(scenario: Scenario, seed: number, observer: Observer) {
    this.#scenario = scenario;
    this.#seed = seed;
    this.#observer = observer;
    this.#random = new Random(seed, 1);
    this.#events = new CalendarQueue(scenario.horizon);
    this.#fleet = new FleetState(scenario, new Random(seed, 2));
    this.#startedAt = new Float64Array(this.#fleet.agents);
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
    const isSpire = scenario.agents.rule === 'spire';
    this.#trust = new TrustStates(seed, isSpire ? 0 : scenario.agents.taintDelay);
    this.#rotation = new RotationModel(scenario, this.#random);
    this.#turns = turnsOf(scenario.failures, scenario.servers.replicas, scenario.network.zones);
    this.#scripted = this.#turns.length;
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

  #now = 0;

  get #isOver(): boolean {
    return this.#doneAt !== undefined;
  }

  #makeServers(): ServerModel {
    const recorder = this.#recorder;
    const version = (): number => this.#version;
    return new ServerModel(this.#scenario.servers, this.#events, this.#pool, this.#keyManager, {
      answered: (message, now) => this.#network.answer(message, now),
      lost: (message, now) => {
        recorder.totals.lost += this.#pool.items[message] ?? 0;
        this.#pool.issued[message] = 0;
        this.#network.answer(message, now);
      },
      minted: (message, count, now) => {
        recorder.add(recorder.minted[this.#reasonOf(message)], now, count);
        if (this.#pool.awaited[message] === 0) recorder.totals.wasted += count;
      },
      shed: (_message, count, now) => {
        recorder.totals.shed += count;
        recorder.add(recorder.failed, now, count);
      },
      get activeKeyset() {
        return version() >= 2 ? NEW : OLD;
      },
    });
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
        send: (message, now) => this.#send(message, now),
        replacing: (svid, agent, keyset, now) => this.#replacing(svid, agent, keyset, now),
        ...(observer.started !== undefined && {
          started: (svid: number, agent: number, now: number): void => {
            const forced = this.#fleet.keyset[svid] === OLD ? (this.#fleet.forcedAt[agent] ?? Infinity) : Infinity;
            observer.started?.(svid, agent, now, forced);
          },
        }),
      },
    );
  }

  #begin(): void {
    const { agents, workloads } = this.#scenario;
    const random = new Random(this.#seed, 4);
    const returnAt = sampler(agents.return, random);
    for (let agent = 0; agent < this.#fleet.agents; agent++) {
      const flags = this.#fleet.agentFlags[agent] ?? 0;
      const held = (this.#fleet.first[agent + 1] ?? 0) - (this.#fleet.first[agent] ?? 0);
      if ((flags & TOO_OLD) === 0 && agents.start !== 'cold') this.#old += held;
      if (agents.start === 'cold') {
        this.#fleet.agentFlags[agent] = flags | NOT_STARTED;
        this.#fleet.connectedAt[agent] = Infinity;
        this.#fleet.replica[agent] = -1;
        this.#wanted += held;
        this.#events.schedule(random.next() * agents.startOver, kinds.RESTART, agent);
      } else if (random.next() < agents.away) {
        this.#fleet.connectedAt[agent] = Infinity;
        this.#fleet.replica[agent] = -1;
        this.#events.schedule(returnAt(), kinds.CONNECT, agent);
        this.#agents.wakeBy(agent, 0);
      } else {
        this.#network.connectedFromStart(agent);
        this.#agents.wakeBy(agent, 0);
      }
    }
    this.#turns.forEach(({ atMs }, index) => this.#events.schedule(atMs, kinds.SCRIPT, index));
    this.#scheduleStep();
    this.#events.schedule(1000, kinds.SECOND, 1);
    if (workloads.new > 0) this.#schedulePasserBy(0);
  }

  #handle(now: number, kind: number, value: number): void {
    this.#now = now;
    this.#handled++;
    this.#giveUpLate(now);
    switch (kind) {
      case kinds.WAKE: {
        this.#agents.woken(value, now);
        return;
      }
      case kinds.ARRIVE: {
        this.#arrive(value, now);
        return;
      }
      case kinds.SERVED: {
        this.#servers.served(value, now);
        return;
      }
      case kinds.SIGNED: {
        this.#signed(value, now);
        return;
      }
      case kinds.ANSWER: {
        this.#answer(value, now);
        return;
      }
      case kinds.TRUST: {
        this.#takeTrust(value, now);
        return;
      }
      case kinds.CONNECT: {
        this.#connect(value, now);
        return;
      }
      case kinds.RESTART: {
        this.#restart(value, now);
        return;
      }
      case kinds.SECOND: {
        this.#second(value, now);
        return;
      }
      case kinds.STEP: {
        this.#step(now);
        return;
      }
      case kinds.SCRIPT: {
        this.#turn(value, now);
        return;
      }
      case kinds.PASS_BY: {
        this.#passBy(now);
        return;
      }
    }
  }

  #reasonOf(message: number): 'wave' | 'ordinary' | 'first' {
    if (this.#pool.kind[message] !== RENEWAL) return 'first';
    return this.#pool.wave[message] === 1 ? 'wave' : 'ordinary';
  }

  #send(message: number, now: number): void {
    this.#recorder.add(this.#recorder.asked, now, this.#pool.items[message] ?? 0);
    this.#deadlines.push(message);
    this.#generations.push(this.#pool.generation[message] ?? 0);
    this.#network.send(message, now);
  }

  #arrive(message: number, now: number): void {
    if (this.#network.arrived(message)) this.#servers.arrive(message, now);
  }

  #signed(value: number, now: number): void {
    const { calls, throttled } = this.#keyManager;
    this.#servers.signed(value, now);
    this.#recorder.add(this.#recorder.signatures, now, this.#keyManager.calls - calls);
    this.#recorder.add(this.#recorder.throttled, now, this.#keyManager.throttled - throttled);
  }

  #answer(message: number, now: number): void {
    const pool = this.#pool;
    // Lost on the way back: the agent gives up in its own time.
    const heard = pool.awaited[message] === 1 && !this.#network.isCut(pool.agent[message] ?? 0);
    if (heard) {
      const issued = pool.issued[message] ?? 0;
      const latency = pool.kind[message] === RENEWAL ? this.#recorder.renewalLatency : this.#recorder.firstLatency;
      if (issued > 0) latency.add(Math.floor(now / 1000), now - (pool.sentAt[message] ?? 0), issued);
      this.#settle(message, issued, now);
    }
    pool.letGo(message);
  }

  #settle(message: number, issued: number, now: number): void {
    const pool = this.#pool;
    pool.awaited[message] = 0;
    if (pool.kind[message] !== PASSER_BY) this.#agents.answered(message, issued, now);
    pool.letGo(message);
  }

  /** What has waited as long as an agent waits: the answer, if one comes, is not heard. */
  #giveUpLate(now: number): void {
    const { deadline } = this.#scenario.servers;
    while (this.#deadlines.size > 0) {
      const message = this.#deadlines.peek;
      const waits = this.#pool.generation[message] === this.#generations.peek && this.#pool.awaited[message] === 1;
      const dueAt = (this.#pool.sentAt[message] ?? 0) + deadline;
      if (waits && dueAt > now) return;
      this.#deadlines.shift();
      this.#generations.shift();
      if (!waits) continue;
      const items = this.#pool.items[message] ?? 0;
      this.#recorder.totals.timedOut += items;
      this.#recorder.totals.wasted += this.#pool.issued[message] ?? 0;
      this.#recorder.add(this.#recorder.failed, dueAt, items);
      this.#settle(message, 0, now);
    }
  }

  #replacing(svid: number, agent: number, successor: number, now: number): void {
    const keyset = this.#fleet.keyset[svid];
    if (keyset === NO_KEYSET) {
      this.#recorder.firstCame(now - (this.#startedAt[agent] ?? 0));
    } else {
      this.#watch.replacing(svid, agent, now);
    }
    if ((this.#fleet.flags[svid] ?? 0) & 2) this.#wanted--;
    if (keyset !== OLD || successor === OLD) return;
    if (((this.#fleet.agentFlags[agent] ?? 0) & TOO_OLD) === 0) this.#old--;
    if (this.#tainted) this.#recorder.replaced(now);
    this.#hole(svid, agent, now);
  }

  #hole(svid: number, agent: number, now: number): void {
    const forcedAt = this.#fleet.forcedAt[agent] ?? Infinity;
    if (this.#scenario.agents.rule !== 'spire' || !Number.isFinite(forcedAt)) return;
    const dropsAt = spireDropsAt(svid - (this.#fleet.first[agent] ?? 0), forcedAt);
    if (dropsAt <= now) this.#recorder.hole(now - dropsAt);
  }

  #takeTrust(agent: number, now: number): void {
    const known = this.#fleet.version[agent] ?? 0;
    if (this.#network.isCut(agent) || (this.#fleet.connectedAt[agent] ?? Infinity) > now || known >= this.#version)
      return;
    this.#fleet.version[agent] = this.#version;
    if (((this.#fleet.agentFlags[agent] ?? 0) & TOO_OLD) !== 0) return;
    if (this.#version >= 3 && (known < 3 || this.#version > 3)) {
      const forcedAt = this.#trust.forcedAt(agent, known, this.#version, now);
      this.#fleet.forcedAt[agent] = forcedAt;
      this.#agents.wakeBy(agent, Math.max(now, forcedAt));
    }
  }

  #connect(agent: number, now: number): void {
    if (this.#network.connect(agent, now)) this.#agents.wakeBy(agent, now);
  }

  #restart(agent: number, now: number): void {
    const fresh = ((this.#fleet.agentFlags[agent] ?? 0) & NOT_STARTED) !== 0;
    this.#startedAt[agent] = now;
    if (fresh) {
      this.#fleet.agentFlags[agent] = (this.#fleet.agentFlags[agent] ?? 0) & ~NOT_STARTED;
    } else {
      const to = this.#fleet.first[agent + 1] ?? 0;
      for (let svid = this.#fleet.first[agent] ?? 0; svid < to; svid++) {
        if (((this.#fleet.flags[svid] ?? 0) & 2) === 0) this.#wanted++;
      }
      this.#agents.restarted(agent);
    }
    this.#fleet.connectedAt[agent] = now + RESTART_MS;
    this.#events.schedule(now + RESTART_MS, kinds.CONNECT, agent);
  }

  #step(now: number): void {
    this.#version++;
    if (this.#version === 3) {
      this.#tainted = true;
      let old = 0;
      for (let svid = 0; svid < this.#fleet.svids; svid++) if (this.#fleet.keyset[svid] === OLD) old++;
      this.#recorder.taintBegins(old);
    }
    if (this.#version === 4) this.#watch.removedAt = now;
    this.#rotation.committed(now, this.#network.publish(now));
    this.#scheduleStep();
  }

  #scheduleStep(): void {
    const at = this.#rotation.nextCommit();
    if (at !== undefined) this.#events.schedule(at, kinds.STEP, 0);
  }

  #turn(index: number, now: number): void {
    this.#scripted--;
    const turn = this.#turns[index];
    switch (turn?.turn) {
      case undefined:
        return;
      case 'lose replica':
        this.#servers.lose(turn.replica, now);
        this.#network.replicasChanged();
        {
          this.#network.replicaLost(turn.replica, now);
          return;
        }
      case 'return replica':
        this.#servers.return(turn.replica);
        {
          this.#network.replicasChanged();
          return;
        }
      case 'quota': {
        this.#keyManager.setQuota(turn.perSecond, now);
        return;
      }
      case 'key manager away': {
        this.#keyManager.setAway(true);
        return;
      }
      case 'key manager back': {
        this.#keyManager.setAway(false);
        return;
      }
      case 'cut zone': {
        this.#network.cut(turn.zone, now);
        return;
      }
      case 'heal zone': {
        this.#network.heal(turn.zone, now);
        return;
      }
      case 'restart agents':
        for (let agent = 0; agent < this.#fleet.agents; agent++) {
          if (this.#random.next() >= turn.share) continue;
          this.#events.schedule(now + this.#random.next() * turn.overMs, kinds.RESTART, agent);
        }
    }
  }

  #schedulePasserBy(now: number): void {
    const waitMs = (-1000 * Math.log(1 - this.#random.next())) / this.#scenario.workloads.new;
    this.#events.schedule(now + waitMs, kinds.PASS_BY, 0);
  }

  #passBy(now: number): void {
    const agent = this.#random.below(this.#fleet.agents);
    this.#send(this.#pool.open(PASSER_BY, agent, -1, 1, now), now);
    this.#schedulePasserBy(now);
  }

  #second(second: number, now: number): void {
    this.#recorder.waiting[second - 1] = this.#servers.waiting;
    this.#recorder.onOld[second - 1] = this.#tainted ? this.#recorder.oldNow : NaN;
    this.#events.schedule(now + 1000, kinds.SECOND, second + 1);
    if (this.#isDone(now)) this.#doneAt = now;
  }

  /** Nothing is planned any more and nobody waits: what goes on is the ordinary life of the fleet. */
  #isDone(now: number): boolean {
    const { enabled, removeAfter } = this.#scenario.rotation;
    const last = removeAfter === undefined ? 'taint' : 'remove';
    const committedAt = this.#rotation.committedAt(last) ?? (this.#rotation.failure === undefined ? Infinity : now);
    if (this.#scripted > 0 || this.#wanted > 0) return false;
    if (!enabled)
      return this.#scenario.agents.start === 'cold' || this.#scenario.failures.length > 0 ? this.#quiet(now) : false;
    return committedAt <= now && this.#old === 0 && this.#quiet(now, committedAt);
  }

  #quietSince: number | undefined;
  #quiet(now: number, since = 0): boolean {
    this.#quietSince ??= now;
    return now - Math.max(this.#quietSince, since) >= AFTERGLOW_MS;
  }
}
