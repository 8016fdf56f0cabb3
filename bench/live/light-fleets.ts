import { LoadProcess } from '../rig/load-process.js';
import { mergedLogs, type FleetLog } from './fleet-log.js';
import type { LightFleetCommands } from './light-fleet.js';
import type { LightAgentPlan, LightFleetOptions, LightProgress } from './light-fleet-options.js';

/** The light agents of a run, spread over a few processes. */
export class LightFleets {
  readonly #processes: readonly LoadProcess<LightFleetCommands>[];

  constructor(processes: number) {
    this.#processes = Array.from(
      { length: processes },
      () => new LoadProcess<LightFleetCommands>('live/light-fleet.js'),
    );
  }

  get pids(): readonly number[] {
    return this.#processes.map(({ pid }) => pid);
  }

  async start(plans: readonly LightAgentPlan[], options: LightFleetOptions): Promise<void> {
    await this.#each((process, at) =>
      process.do(
        'start',
        plans.filter(({ index }) => this.#place(index) === at),
        options,
      ),
    );
  }

  async restart(indices: readonly number[], overMs: number): Promise<void> {
    await this.#each((process, at) =>
      process.do(
        'restart',
        indices.filter((index) => this.#place(index) === at),
        overMs,
      ),
    );
  }

  /** Throws when an agent has ended by itself. */
  async progress(keyset = ''): Promise<LightProgress> {
    const parts = await this.#each((process) => process.do('progress', keyset));
    const sum = (field: 'agents' | 'loggedIn' | 'held' | 'heldOfKeyset'): number =>
      parts.reduce((all, part) => all + part[field], 0);
    const failures = parts.flatMap((part) => part.failures);
    if (failures.length > 0) throw new Error(`an agent ended: ${failures[0] ?? ''}`);
    return {
      ...{ agents: sum('agents'), loggedIn: sum('loggedIn'), held: sum('held'), heldOfKeyset: sum('heldOfKeyset') },
      ...{ keysets: parts[0]?.keysets ?? {}, failures },
    };
  }

  async log(): Promise<FleetLog> {
    return mergedLogs(await this.#each((process) => process.do('log')));
  }

  /** Ends the agents, then their processes. */
  async stop(): Promise<void> {
    await Promise.all(
      this.#processes.map(async (process) => {
        await process.do('stop').catch(() => {});
        await process.stop();
      }),
    );
  }

  #place(agent: number): number {
    return agent % this.#processes.length;
  }

  #each<T>(act: (process: LoadProcess<LightFleetCommands>, at: number) => Promise<T>): Promise<T[]> {
    return Promise.all(this.#processes.map(act));
  }
}
