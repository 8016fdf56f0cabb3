import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../src/runtime/clock.js';
import { withDeadline } from '../../src/runtime/deadline.js';
import { Workload } from '../../test/scenario/workloads.js';
import { manyUsers, type Users } from '../rig/many-users.js';
import { projectRoot } from '../rig/program.js';
import type { Scenario } from '../fleet/scenario.js';
import type { AgentAccess } from './light-fleet-options.js';

const READY_LIMIT_MS = 60_000;
const LOG_END = 2_000;
/** Longest random delay that an agent's configuration takes. */
const TAINT_DELAY_MOST_MS = 60_000;

/** What the workloads of the full agents saw. */
export interface FullAgentsResult {
  readonly agents: number;
  readonly workloads: number;
  /** Distinct SPIFFE IDs. */
  readonly identities: number;
  /** Still with an SVID of the old keyset at the end. */
  readonly onOld: number;
  /** When the last of them got an SVID of another keyset, milliseconds since the epoch. */
  readonly lastRenewedAt: number | undefined;
  /** Streams that ended with an error and were opened again. */
  readonly streamsEnded: number;
  /** Workloads that held no valid SVID at some moment. */
  readonly gaps: number;
}

interface FullAgentsOptions {
  readonly fullAgents: number;
  readonly workloads: number;
  readonly dir: string;
  readonly clock: Clock;
}

/** Agents as programs of their own, with real workloads on their Unix sockets, beside the light ones. Their chance is their own. */
export class FullAgents {
  readonly #access: AgentAccess;
  readonly #scenario: Scenario;
  readonly #options: FullAgentsOptions;
  readonly #children: ChildProcess[] = [];
  readonly #workloads: Workload[] = [];
  readonly #users: Users[] = [];

  constructor(access: AgentAccess, scenario: Scenario, options: FullAgentsOptions) {
    this.#access = access;
    this.#scenario = scenario;
    this.#options = options;
  }

  /** Resolves when every workload holds an SVID. Without root all workloads of an agent are one user. */
  async start(signal: AbortSignal): Promise<void> {
    const { fullAgents, workloads, dir, clock } = this.#options;
    for (let index = 0; index < fullAgents; index++) {
      const socket = join(dir, `full-${index}.sock`);
      await this.#startAgent(index, socket, signal);
      const sockets = await this.#sockets(socket, index, workloads);
      for (let i = 0; i < workloads; i++) this.#workloads.push(new Workload(sockets[i % sockets.length] ?? socket));
    }
    if (fullAgents === 0) return;
    const allReady = Promise.all(this.#workloads.map((workload) => workload.ready));
    await withDeadline(() => allReady, READY_LIMIT_MS, 'the workloads of the full agents have no SVID', clock, signal);
  }

  result(oldKeyset: string, endedAt: number): FullAgentsResult | undefined {
    if (this.#options.fullAgents === 0) return undefined;
    const seen = this.#workloads.map(({ arrivals }) => arrivals);
    const renewed = seen.flatMap((arrivals) => arrivals.find(({ keyset }) => keyset !== oldKeyset)?.at ?? []);
    const hasGap = (arrivals: Workload['arrivals']): boolean =>
      arrivals.some(({ notAfter }, i) => notAfter < (arrivals[i + 1]?.at ?? endedAt));
    return {
      agents: this.#options.fullAgents,
      workloads: this.#workloads.length,
      identities: new Set(seen.flatMap((arrivals) => arrivals.map(({ spiffeId }) => spiffeId))).size,
      onOld: seen.filter((arrivals) => arrivals.at(-1)?.keyset === oldKeyset).length,
      lastRenewedAt: renewed.length === 0 ? undefined : Math.max(...renewed),
      streamsEnded: this.#workloads.reduce((sum, { ends }) => sum + ends.length, 0),
      gaps: seen.filter(hasGap).length,
    };
  }

  async stop(): Promise<void> {
    for (const workload of this.#workloads) workload.stop();
    for (const users of this.#users) users.stop();
    await Promise.all(
      this.#children.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const ended = once(child, 'exit');
        child.kill('SIGTERM');
        await ended;
      }),
    );
  }

  async #sockets(socket: string, index: number, count: number): Promise<readonly string[]> {
    if (process.getuid?.() !== 0 || count < 2) return [socket];
    const users = await manyUsers(socket, join(this.#options.dir, `full-${index}-users`), count);
    this.#users.push(users);
    return users.sockets;
  }

  async #startAgent(index: number, socket: string, signal: AbortSignal): Promise<void> {
    const { dir, clock } = this.#options;
    const log = join(dir, `full-${index}.log`);
    writeFileSync(join(dir, `full-${index}.yaml`), JSON.stringify(this.#settings(index, socket)));
    const fd = openSync(log, 'a', 0o600);
    const child = fork('src/bin/spirl-agent.mjs', ['run', '--config', join(dir, `full-${index}.yaml`)], {
      cwd: projectRoot,
      stdio: ['ignore', fd, fd, 'ipc'],
    });
    closeSync(fd);
    this.#children.push(child);
    const until = clock.monotonic() + READY_LIMIT_MS;
    while (!readFileSync(log, 'utf8').includes('Serving metrics and health')) {
      if (child.exitCode !== null || clock.monotonic() > until) {
        throw new Error(`a full agent does not serve:\n${readFileSync(log, 'utf8').slice(-LOG_END)}`);
      }
      await clock.sleep(50, signal);
    }
  }

  #settings(index: number, socketPath: string): object {
    const { address, serverName, ...auth } = this.#access;
    const { dir } = this.#options;
    const { taintDelay } = this.#scenario.agents;
    return {
      agent: {
        endpoint: { endpoint: address, ...(serverName !== undefined && { serverName }) },
        auth,
        socketPath,
        stateDir: join(dir, `full-${index}`),
      },
      metricsAPI: { port: 0 },
      log: { format: 'text' },
      lab: { taintDelayMax: `${Math.min(TAINT_DELAY_MOST_MS, taintDelay)}ms` },
    };
  }
}
