import type { Clock } from '../../src/runtime/clock.js';
import { SpirlError } from '../../src/runtime/errors.js';
import { runTasks } from '../../src/runtime/task-group.js';
import type { Scenario } from '../fleet/scenario.js';
import { measureCapacity } from './capacity.js';
import { moment, type FleetLog } from './fleet-log.js';
import { FullAgents, type FullAgentsResult } from './full-agents.js';
import { LightFleets } from './light-fleets.js';
import { runFailures } from './live-failures.js';
import { LiveRotation, type RunStep } from './live-rotation.js';
import { agentPlans } from './live-scenario.js';
import { watchMachine, type MachineUse } from './machine-use.js';
import type { LiveTarget } from './live-target.js';
import type { SignatureNote } from './slow-key-service.js';

/** Until all agents have a session and all workloads their first SVID; bounded whatever the scenario says. */
const STORM_LIMIT_MS = 180_000;
const LOOK_EVERY_MS = 500;
/** How long a run goes on after everything is done: as the simulator. */
const AFTERGLOW_MS = 5_000;

export interface LiveOptions {
  readonly seed: number;
  /** Processes of the light agents. */
  readonly processes: number;
  readonly fullAgents: number;
  /** Workloads of each full agent. */
  readonly workloads: number;
  /** SVIDs per second; undefined: it is measured first. */
  readonly capacity: number | undefined;
  /** A directory for all that the run writes. */
  readonly dir: string;
  readonly clock: Clock;
  readonly say: (sentence: string) => void;
}

/** What a run leaves behind, for the report. Moments are milliseconds since the epoch. */
export interface LiveOutcome {
  readonly scenario: Scenario;
  readonly seed: number;
  /** SVIDs per second, measured before the run or given. */
  readonly capacity: number;
  /** The scenario's zero. */
  readonly startedAt: number;
  readonly endedAt: number;
  readonly finished: boolean;
  readonly stormBeganAt: number;
  readonly log: FleetLog;
  readonly steps: readonly RunStep[];
  readonly rotationFailure: string | undefined;
  readonly oldKeyset: string;
  readonly newKeyset: string;
  readonly signatures: readonly SignatureNote[];
  readonly fullAgents: FullAgentsResult | undefined;
  readonly machine: MachineUse;
}

/** Runs a scenario with real agents against `target`. It ends by itself, at the latest with the scenario's horizon. */
export async function runLive(
  scenario: Scenario,
  target: LiveTarget,
  options: LiveOptions,
  signal: AbortSignal,
): Promise<LiveOutcome> {
  const { dir, say } = options;
  if (options.capacity === undefined) say('measuring the capacity of the server');
  const capacity = options.capacity ?? (await measureCapacity(target.access, dir, options.clock, signal));
  say(`capacity: ${capacity.toFixed(0)} SVIDs per second`);
  const fleets = new LightFleets(options.processes);
  const full = new FullAgents(target.access, scenario, options);
  try {
    return await new LiveRun(scenario, target, { ...options, capacity }, fleets, full).run(signal);
  } finally {
    await Promise.all([fleets.stop(), full.stop()]);
  }
}

class LiveRun {
  readonly #scenario: Scenario;
  readonly #target: LiveTarget;
  readonly #options: LiveOptions & { readonly capacity: number };
  readonly #fleets: LightFleets;
  readonly #full: FullAgents;
  readonly #rotation: LiveRotation;
  readonly #svids: number;

  constructor(
    scenario: Scenario,
    target: LiveTarget,
    options: LiveOptions & { readonly capacity: number },
    fleets: LightFleets,
    full: FullAgents,
  ) {
    this.#scenario = scenario;
    this.#target = target;
    this.#options = options;
    this.#fleets = fleets;
    this.#full = full;
    this.#rotation = new LiveRotation(scenario.rotation, target, options.clock);
    this.#svids = agentPlans(scenario, options.seed).reduce((sum, { svids }) => sum + svids, 0);
  }

  async run(signal: AbortSignal): Promise<LiveOutcome> {
    const { seed, capacity, say } = this.#options;
    // Before the others, so that a cold start and the scenario's clock begin together.
    await this.#full.start(signal);
    const stormBeganAt = moment();
    say(`${this.#scenario.agents.count} agents log in, for ${this.#svids} SVIDs`);
    await this.#launch();
    if (this.#scenario.agents.start !== 'cold') await this.#allHeld(signal);
    this.#target.keyService?.forgetNotes();
    const startedAt = this.#scenario.agents.start === 'cold' ? stormBeganAt : moment();
    say('the scenario begins');
    const machine = watchMachine();
    const finished = await this.#play(signal);
    const endedAt = moment();
    const { steps, failure, oldKeyset, newKeyset } = this.#rotation;
    return {
      ...{ scenario: this.#scenario, seed, capacity, startedAt, endedAt, finished, stormBeganAt, steps },
      ...{ oldKeyset, newKeyset, rotationFailure: failure },
      log: await this.#fleets.log(),
      signatures: [...(this.#target.keyService?.notes ?? [])],
      fullAgents: this.#full.result(oldKeyset, endedAt),
      machine: machine(),
    };
  }

  #launch(): Promise<void> {
    const { agents, workloads } = this.#scenario;
    const { seed, dir } = this.#options;
    return this.#fleets.start(agentPlans(this.#scenario, seed), {
      access: this.#target.access,
      stateDir: `${dir}/agents`,
      seed,
      taintDelayMaxMs: agents.taintDelay,
      renewalsPerSecond: agents.renewalsPerSecond,
      ...{ retryMs: workloads.retry, retryMaxMs: workloads.retryAtMost },
    });
  }

  async #allHeld(signal: AbortSignal): Promise<void> {
    const { clock, say } = this.#options;
    const begunAt = clock.monotonic();
    for (;;) {
      const { held, loggedIn, agents } = await this.#fleets.progress();
      if (held === this.#svids) {
        say(`all hold their SVIDs after ${((clock.monotonic() - begunAt) / 1000).toFixed(1)} s`);
        return;
      }
      if (clock.monotonic() - begunAt > STORM_LIMIT_MS) {
        const limit = `${STORM_LIMIT_MS / 1000} s`;
        const state = `${loggedIn} of ${agents} agents have a session and ${held} of ${this.#svids} SVIDs were issued`;
        throw new SpirlError('UNAVAILABLE', `the fleet did not come up within ${limit}: ${state}`);
      }
      await clock.sleep(LOOK_EVERY_MS, signal);
    }
  }

  /** Lets everything of the scenario happen; returns whether it was done before the horizon. */
  async #play(signal: AbortSignal): Promise<boolean> {
    const { clock, seed } = this.#options;
    const over = new AbortController();
    const scripted = { over: false };
    let finished = false;
    const parts = { target: this.#target, fleets: this.#fleets, agents: this.#scenario.agents.count, seed, clock };
    const tasks = [
      (stop: AbortSignal) => this.#rotation.run(() => this.#activeKeyset(), stop),
      async (stop: AbortSignal) => {
        await runFailures(this.#scenario.failures, parts, stop);
        scripted.over = true;
      },
      async (stop: AbortSignal) => {
        finished = await this.#watch(() => scripted.over, stop);
        over.abort();
      },
    ];
    await runTasks(tasks, AbortSignal.any([signal, over.signal]));
    signal.throwIfAborted();
    return finished;
  }

  async #watch(isScriptOver: () => boolean, signal: AbortSignal): Promise<boolean> {
    const { clock } = this.#options;
    const { horizon, agents, rotation, failures } = this.#scenario;
    const endsByItself = rotation.enabled || agents.start === 'cold' || failures.length > 0;
    const until = clock.monotonic() + horizon;
    let quietSince: number | undefined;
    while (clock.monotonic() < until) {
      const { held, heldOfKeyset } = await this.#fleets.progress(this.#rotation.oldKeyset);
      const quiet = isScriptOver() && this.#rotation.isOver && held === this.#svids && heldOfKeyset === 0;
      if (!quiet) quietSince = undefined;
      else quietSince ??= clock.monotonic();
      if (endsByItself && quietSince !== undefined && clock.monotonic() - quietSince >= AFTERGLOW_MS) return true;
      await clock.sleep(Math.min(LOOK_EVERY_MS, Math.max(1, until - clock.monotonic())), signal);
    }
    return false;
  }

  async #activeKeyset(): Promise<string> {
    const { keysets } = await this.#fleets.progress();
    const [active] = Object.entries(keysets).find(([, state]) => state === 'ACTIVE') ?? [];
    if (active === undefined) throw new SpirlError('UNAVAILABLE', 'no agent has heard of an active keyset yet');
    return active;
  }
}
