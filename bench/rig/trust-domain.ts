import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/runtime/clock.js';
import { AdminClient } from '../../server-stub/cli/admin-client.js';
import { createClusterKey } from '../../server-stub/cli/cluster-key.js';
import { firstMessage } from '../load/raw-grpc.js';
import { X509_PATH } from '../load/requests.js';
import { goesWithRun } from './leftovers.js';
import { Program, untilReady, type Profiling } from './program.js';

const TRUST_DOMAIN = 'bench.test';
const NEVER = new AbortController().signal;

/** Users of a benchmark have no names, so the path reads the uid. */
const POLICY = (path: string): string => `section: SVIDIssuancePolicy
schema: v1
spec:
  policy:
    pathTemplate: "${path}"
`;

/** Settings of the agent that a row needs otherwise than by default. */
export interface AgentSettings {
  readonly cacheSize?: number;
  readonly sharing?: 'identity' | 'connection';
  readonly taintDelayMax?: string;
  readonly renewalsPerSecond?: number;
}

/** What a row needs of the server otherwise than by default. */
export interface ServerSettings {
  /** Settings of the configuration file. */
  readonly config: object;
  readonly env: Readonly<Record<string, string>>;
}

/** One server of the project as a separate process, with a cluster, and any number of agents. */
export class TrustDomain {
  readonly dir: string;
  readonly server: Program;
  readonly admin: AdminClient;
  readonly clusterId: string;
  readonly port: number;
  readonly #clusterVersionId: string;
  readonly #profiling: Profiling | undefined;
  readonly #agents: Agent[] = [];
  #count = 0;

  private constructor(fields: {
    dir: string;
    server: Program;
    admin: AdminClient;
    port: number;
    clusterId: string;
    clusterVersionId: string;
    profiling: Profiling | undefined;
  }) {
    this.dir = fields.dir;
    this.server = fields.server;
    this.admin = fields.admin;
    this.port = fields.port;
    this.clusterId = fields.clusterId;
    this.#clusterVersionId = fields.clusterVersionId;
    this.#profiling = fields.profiling;
  }

  static async start(profiling?: Profiling, given: ServerSettings = { config: {}, env: {} }): Promise<TrustDomain> {
    const dir = mkdtempSync(join(tmpdir(), 'spirl-bench-'));
    goesWithRun(dir);
    chmodSync(dir, 0o711);
    const port = await freePort();
    writeFileSync(join(dir, 'server.yaml'), JSON.stringify({ ...serverSettings(dir, port), ...given.config }));
    const command = [process.execPath, 'server-stub/bin/spirl-server.mjs', 'run', '--config', join(dir, 'server.yaml')];
    const server = new Program('server', command, join(dir, 'server.log'), profiling, given.env);
    const address = { path: join(dir, 'admin.sock'), source: 'default' } as const;
    const admin = await untilReady(server, () => AdminClient.connect(address, () => systemClock.now(), NEVER));
    await untilReady(server, () => admin.call('trustdomain.TrustDomainInfo', { trustDomain: '' }));
    const key = createClusterKey();
    writeFileSync(join(dir, 'cluster.key'), key.privateKeyPem, { mode: 0o600 });
    const cluster = { name: 'bench', trustDomain: TRUST_DOMAIN, platform: 'linux', publicKey: key.publicKey };
    const { clusterId, clusterVersionId } = await admin.call('cluster.RegisterCluster', cluster);
    const domain = new TrustDomain({ dir, server, admin, port, clusterId, clusterVersionId, profiling });
    await domain.setPath('/uid/{{linux.user.id}}');
    return domain;
  }

  /** Puts another path template into force. */
  async setPath(template: string): Promise<void> {
    await this.admin.call('config.UpdateConfig', {
      scope: { kind: 'cluster', id: this.clusterId },
      sectionUpdates: [POLICY(template)],
      prune: false,
      expectedVersion: '',
      validateOnly: false,
    });
  }

  /** What an agent needs to log in. */
  agentAccess() {
    return {
      address: `127.0.0.1:${this.port}`,
      clusterId: this.clusterId,
      clusterVersionId: this.#clusterVersionId,
      keyFile: join(this.dir, 'cluster.key'),
      bootstrapFile: join(this.dir, 'bootstrap.pem'),
    };
  }

  /** What an agent of this cluster reads. */
  agentConfig(name: string, { cacheSize = 12_000, sharing, ...lab }: AgentSettings = {}): object {
    const { address, ...auth } = this.agentAccess();
    return {
      agent: {
        endpoint: { endpoint: address },
        auth,
        socketPath: join(this.dir, `${name}.sock`),
        stateDir: join(this.dir, name),
        svid: { cacheSize, ...(sharing !== undefined && { sharing }) },
        limits: { connectionsPerUid: 20_000, streamsPerUid: 20_000, attestationsPerUid: 10_000 },
      },
      metricsAPI: { port: 0 },
      lab,
    };
  }

  /** An agent with a state directory of its own that is executed by `launch`; it may not serve yet when that returns. */
  prepareAgent(settings: AgentSettings = {}): PreparedAgent {
    const name = `agent-${++this.#count}`;
    const file = join(this.dir, `${name}.yaml`);
    writeFileSync(file, JSON.stringify(this.agentConfig(name, settings)));
    const command = [process.execPath, 'src/bin/spirl-agent.mjs', 'run', '--config', file];
    const socket = join(this.dir, `${name}.sock`);
    const launch = (): Agent => {
      const program = new Program(name, command, join(this.dir, `${name}.log`), this.#profiling);
      const agent = { program, socket };
      this.#agents.push(agent);
      return agent;
    };
    return { socket, launch };
  }

  launchAgent(settings: AgentSettings = {}): Agent {
    return this.prepareAgent(settings).launch();
  }

  /** An agent that serves this process. */
  async startAgent(settings: AgentSettings = {}): Promise<Agent> {
    const agent = this.launchAgent(settings);
    await untilReady(agent.program, () => firstMessage(agent.socket, X509_PATH, Buffer.alloc(0)));
    return agent;
  }

  /** Those that still run. */
  async stopAgents(): Promise<void> {
    await Promise.all(this.#agents.splice(0).map(({ program }) => program.stop()));
  }

  async stop(): Promise<void> {
    this.admin.close();
    await this.stopAgents();
    await this.server.stop();
    if (existsSync(this.dir)) rmSync(this.dir, { recursive: true, force: true });
  }
}

export interface Agent {
  readonly program: Program;
  readonly socket: string;
}

/** An agent that has all it needs and has not been executed yet. */
export interface PreparedAgent {
  readonly socket: string;
  readonly launch: () => Agent;
}

function serverSettings(dir: string, port: number): object {
  return {
    trustDomainDeployment: { trustDomainName: TRUST_DOMAIN, name: 'bench' },
    stateDir: join(dir, 'server'),
    adminSocket: join(dir, 'admin.sock'),
    bootstrapFile: join(dir, 'bootstrap.pem'),
    bundlePath: join(dir, 'bundle.pem'),
    agentEndpoint: { host: '127.0.0.1', port, names: ['127.0.0.1', 'localhost'] },
    metricsAPI: { port: 0 },
  };
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
