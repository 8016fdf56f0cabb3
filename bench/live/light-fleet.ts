import { systemClock } from '../../src/runtime/clock.js';
import { serveCommands } from '../rig/commands.js';
import { emptyLog, type FleetLog, type OpenFleetLog } from './fleet-log.js';
import { LightAgent } from './light-agent.js';
import type { LightAgentPlan, LightFleetOptions, LightProgress } from './light-fleet-options.js';

// A process with many light agents.

interface Member {
  readonly agent: LightAgent;
  stop: AbortController;
  ended: Promise<void>;
}

const members = new Map<number, Member>();
const failures: string[] = [];
const over = new AbortController();
let log: OpenFleetLog = emptyLog();

function launch(agent: LightAgent, afterMs: number): Member {
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, over.signal]);
  const life = async (): Promise<void> => {
    try {
      if (afterMs > 0) await systemClock.sleep(afterMs, signal);
      await agent.run(signal);
    } catch (error) {
      if (!signal.aborted) failures.push(error instanceof Error ? error.message : String(error));
    }
  };
  return { agent, stop, ended: life() };
}

const commands = {
  start: (plans: readonly LightAgentPlan[], options: LightFleetOptions): void => {
    for (const plan of plans) {
      members.set(plan.index, launch(new LightAgent(plan, options, systemClock, log), plan.afterMs));
    }
  },
  /** Ends these agents and starts them again, as a restart of the process does. */
  restart: async (indices: readonly number[], overMs: number): Promise<void> => {
    const each = async (index: number, at: number): Promise<void> => {
      const member = members.get(index);
      if (member === undefined) return;
      await systemClock.sleep((overMs * at) / indices.length, over.signal);
      member.stop.abort();
      await member.ended;
      Object.assign(member, launch(member.agent, 0));
    };
    await Promise.all(indices.map(each));
  },
  progress: (keyset: string): LightProgress => {
    const agents = [...members.values()].map(({ agent }) => agent);
    return {
      agents: agents.length,
      loggedIn: agents.filter(({ isLoggedIn }) => isLoggedIn).length,
      held: agents.reduce((sum, { held }) => sum + held, 0),
      heldOfKeyset: agents.reduce((sum, agent) => sum + agent.heldOf(keyset), 0),
      keysets: agents[0]?.keysets ?? {},
      failures,
    };
  },
  /** What was noted so far. */
  log: (): FleetLog => log,
  stop: async (): Promise<void> => {
    over.abort();
    await Promise.all([...members.values()].map(({ ended }) => ended));
    log = emptyLog();
  },
};

export type LightFleetCommands = typeof commands;

serveCommands(commands);
