import type { Clock } from 'spirl-agent/runtime/clock.js';
import { hasCode, SpirlError } from 'spirl-agent/runtime/errors.js';
import type { Logger } from 'spirl-agent/runtime/logger.js';
import { randomId } from 'spirl-agent/runtime/random-id.js';
import type { RecordStore } from '../domain/record-store.js';
import { type AgentRecord, decodeAgent, encodeAgent } from './cluster-record.js';

/** Bounds the store against a node that logs in again and again; expired agents make room. */
const MAX_AGENTS = 100_000;
const PRUNE_EVERY_MS = 600_000;
/** An expired agent is listed a little longer, so that an operator sees which one went silent. */
const KEEP_EXPIRED_MS = 3_600_000;
const ATTEMPTS = 5;

export interface AgentRegistryOptions {
  readonly store: RecordStore;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Entry {
  readonly agent: AgentRecord;
  /** Of the stored record. */
  readonly storeVersion: string;
}

/** The agents that logged in. Each is a record of the store; a copy in memory answers the checks that every RPC makes. */
export class AgentRegistry {
  readonly #options: AgentRegistryOptions;
  readonly #agents: Map<string, Entry>;

  private constructor(options: AgentRegistryOptions, agents: Map<string, Entry>) {
    this.#options = options;
    this.#agents = agents;
  }

  static async open(options: AgentRegistryOptions): Promise<AgentRegistry> {
    const agents = new Map<string, Entry>();
    for (const name of await options.store.list('agents/')) {
      const entry = await readEntry(options.store, name);
      if (entry !== undefined) agents.set(entry.agent.id, entry);
    }
    return new AgentRegistry(options, agents);
  }

  /** An agent, also one that logged in at another replica. */
  async find(agentId: string): Promise<AgentRecord | undefined> {
    const known = this.#agents.get(agentId);
    if (known !== undefined) return known.agent;
    const entry = await readEntry(this.#options.store, recordName(agentId));
    if (entry !== undefined) this.#agents.set(agentId, entry);
    return entry?.agent;
  }

  /** Latest login first. */
  list(): readonly AgentRecord[] {
    return [...this.#agents.values()].map(({ agent }) => agent).sort((a, b) => b.loggedInAt - a.loggedInAt);
  }

  /** A new id, not recorded yet. */
  newId(): string {
    return randomId('a-');
  }

  /** Records a login. Throws LIMIT_REACHED, STORE_FAILED. */
  async add(agent: AgentRecord): Promise<void> {
    if (this.#agents.size >= MAX_AGENTS) await this.prune();
    if (this.#agents.size >= MAX_AGENTS) {
      throw new SpirlError('LIMIT_REACHED', `this deployment has ${MAX_AGENTS} agents with a living session already`);
    }
    const storeVersion = await this.#options.store.write(recordName(agent.id), encodeAgent(agent), undefined);
    this.#agents.set(agent.id, { agent, storeVersion });
  }

  /** Writes `change(agent)`; repeated when another replica was faster. Throws NOT_FOUND, STORE_FAILED. */
  async update(agentId: string, change: (agent: AgentRecord) => AgentRecord): Promise<AgentRecord> {
    const { store } = this.#options;
    for (let attempt = 1; ; attempt++) {
      const entry = await readEntry(store, recordName(agentId));
      if (entry === undefined) throw new SpirlError('NOT_FOUND', `unknown agent ${agentId}`);
      const agent = change(entry.agent);
      try {
        const storeVersion = await store.write(recordName(agentId), encodeAgent(agent), entry.storeVersion);
        this.#agents.set(agentId, { agent, storeVersion });
        return agent;
      } catch (error) {
        if (!hasCode(error, 'VERSION_MISMATCH') || attempt === ATTEMPTS) throw error;
      }
    }
  }

  /** Forgets agents whose session ended long enough ago. */
  async prune(): Promise<void> {
    const { clock, store, logger } = this.#options;
    const before = clock.now() - KEEP_EXPIRED_MS;
    for (const { agent, storeVersion } of [...this.#agents.values()]) {
      if (agent.sessionExpiresAt > before) continue;
      try {
        await store.remove(recordName(agent.id), storeVersion);
        this.#agents.delete(agent.id);
      } catch (error) {
        if (hasCode(error, 'VERSION_MISMATCH')) {
          // Another replica renewed or pruned it: take what it wrote.
          const entry = await readEntry(store, recordName(agent.id));
          if (entry === undefined) this.#agents.delete(agent.id);
          else this.#agents.set(agent.id, entry);
          continue;
        }
        logger.debug('an expired agent was not pruned', { agentId: agent.id, error });
      }
    }
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.prune();
      } catch (error) {
        this.#options.logger.warn('expired agents could not be pruned, will retry', { error });
      }
      await this.#options.clock.sleep(PRUNE_EVERY_MS, signal);
    }
  }
}

function recordName(agentId: string): string {
  return `agents/${agentId}`;
}

async function readEntry(store: RecordStore, name: string): Promise<Entry | undefined> {
  const record = await store.read(name);
  return record === undefined ? undefined : { agent: decodeAgent(name, record.value), storeVersion: record.version };
}
