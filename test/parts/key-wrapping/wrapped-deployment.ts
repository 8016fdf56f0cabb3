import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { projectRoot, runNode, type CommandResult } from '../../scenario/start-dev.js';
import { freePort } from '../part-process.js';

const WHERE = ['--trust-domain', 'example.org', '--deployment-name', 'default'];
const LIMIT_MS = 40_000;

/** A program under way, with what it printed. */
export interface Program {
  readonly pid: number;
  readonly output: () => string;
  /** Resolves when `text` has been printed; throws when the program ends before, or after 40 s. */
  readonly says: (text: string) => Promise<void>;
  readonly ended: Promise<number | null>;
  readonly kill: (signal: NodeJS.Signals) => Promise<void>;
}

/** One deployment in one directory: a server that is started and stopped as a test likes, and an agent. */
export class WrappedDeployment {
  readonly dir: string;
  readonly #port: number;
  readonly #programs: Program[] = [];

  private constructor(dir: string, port: number) {
    this.dir = dir;
    this.#port = port;
  }

  static async make(): Promise<WrappedDeployment> {
    return new WrappedDeployment(await mkdtemp(join(tmpdir(), 'spirl-wrapping-')), await freePort());
  }

  /** Starts the server with `settings` (YAML lines) and environment. */
  async start(settings: string, env: Readonly<Record<string, string>>): Promise<Program> {
    const file = join(this.dir, 'server.yaml');
    await writeFile(
      file,
      `trustDomainDeployment: { trustDomainName: example.org, name: default }
stateDir: ${this.dir}/server
adminSocket: ${this.dir}/admin.sock
bootstrapFile: ${this.dir}/bootstrap.pem
agentEndpoint: { port: ${this.#port} }
metricsAPI: { port: 0 }
log: { format: text, level: debug }
${settings}`,
    );
    return this.#run('server-stub/bin/spirl-server.mjs', file, env);
  }

  /** Registers a cluster and starts an agent of it; `settings` are more YAML lines. */
  async startAgent(settings = ''): Promise<Program> {
    const key = join(this.dir, 'cluster.key');
    const registered = await this.ctl(
      ...['cluster', 'register', 'nodes', '--trust-domain', 'example.org', '--platform', 'linux'],
      ...['--key-file', key, '-o', 'json'],
    );
    const { clusterId, clusterVersionId } = JSON.parse(registered.stdout) as Record<string, string>;
    const file = join(this.dir, 'agent.yaml');
    await writeFile(
      file,
      `agent:
  endpoint: { endpoint: "127.0.0.1:${this.#port}" }
  auth: { clusterId: ${clusterId}, clusterVersionId: ${clusterVersionId}, keyFile: ${key}, bootstrapFile: ${this.dir}/bootstrap.pem }
  socketPath: ${this.dir}/agent.sock
  stateDir: ${this.dir}/agent
metricsAPI: { port: 0 }
${settings}`,
    );
    const agent = this.#run('src/bin/spirl-agent.mjs', file, {});
    await this.mintAgain('ready');
    return agent;
  }

  /** A JWT-SVID for an audience that was never asked for, so that the server has to sign it. */
  mint(audience: string): Promise<CommandResult> {
    const env = { SPIFFE_ENDPOINT_SOCKET: `unix://${this.dir}/agent.sock` };
    return runNode(['src/bin/spirldbg.mjs', 'svid-jwt', '--audience', audience], env);
  }

  /** The same, while an agent and a server that was started again find each other. */
  async mintAgain(audience: string): Promise<void> {
    for (let tries = 0; ; tries++) {
      const { code, stderr } = await this.mint(audience);
      if (code === 0) return;
      if (tries > 60) throw new Error(stderr);
      await delay(500);
    }
  }

  ctl(...args: readonly string[]): Promise<CommandResult> {
    return runNode(['server-stub/bin/spirlctl.mjs', ...args], { SPIRL_SERVER: join(this.dir, 'admin.sock') });
  }

  keyset(...args: readonly string[]): Promise<CommandResult> {
    return this.ctl('trust-domain', 'deployment', 'keyset', ...args, ...WHERE);
  }

  /** `state id` of each keyset, newest first. */
  async list(): Promise<string[]> {
    const { code, stdout, stderr } = await this.keyset('list', '-o', 'json');
    if (code !== 0) throw new Error(stderr);
    const { signingKeys } = JSON.parse(stdout) as { signingKeys: { keyId: string; state: string }[] };
    return [...new Set(signingKeys.map(({ keyId, state }) => `${state} ${keyId}`))];
  }

  async destroy(): Promise<void> {
    await Promise.all(this.#programs.map((program) => program.kill('SIGKILL')));
    await rm(this.dir, { recursive: true, force: true });
  }

  #run(script: string, config: string, env: Readonly<Record<string, string>>): Program {
    const child = spawn(process.execPath, [join(projectRoot, script), 'run', '--config', config], {
      env: { ...process.env, NODE_NO_WARNINGS: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const program = programOf(child);
    this.#programs.push(program);
    return program;
  }
}

function programOf(child: ChildProcess): Program {
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text: Buffer) => (printed += text.toString()));
  const ended = once(child, 'close').then(([code]) => code as number | null);
  return {
    pid: child.pid ?? -1,
    output: () => printed,
    ended,
    says: async (text) => {
      for (let waited = 0; !printed.includes(text); waited += 50) {
        if (child.exitCode !== null || waited > LIMIT_MS) throw new Error(`never said ${text}: ${printed}`);
        await delay(50);
      }
    },
    kill: async (signal) => {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      await ended;
    },
  };
}
