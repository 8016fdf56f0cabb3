import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { firstMessage } from '../load/raw-grpc.js';
import { X509_PATH } from '../load/requests.js';
import { Program, projectRoot, untilReady } from '../rig/program.js';
import type { Agent } from '../rig/trust-domain.js';

const run = promisify(execFile);
const TRUST_DOMAIN = 'anchor.test';
const AGENT_ID = `spiffe://${TRUST_DOMAIN}/agent`;

/** Where `build-spire.sh` puts the programs. */
export const SPIRE_FOLDER = join(projectRoot, '.ci/parts/spire');

/** SPIRE's server with one entry for this user, and agents; every setting as in the reference measurement. */
export class Spire {
  readonly dir: string;
  readonly server: Program;
  readonly #agents: Agent[] = [];
  #count = 0;

  private constructor(dir: string, server: Program) {
    this.dir = dir;
    this.server = server;
  }

  static async start(port: number): Promise<Spire> {
    if (!existsSync(join(SPIRE_FOLDER, 'bin/spire-agent'))) throw new Error(`SPIRE is not built in ${SPIRE_FOLDER}`);
    const dir = mkdtempSync(join(tmpdir(), 'spire-bench-'));
    chmodSync(dir, 0o711);
    writeFileSync(join(dir, 'server.conf'), serverConfig(dir, port));
    const command = [join(SPIRE_FOLDER, 'bin/spire-server'), 'run', '-config', join(dir, 'server.conf')];
    const spire = new Spire(dir, new Program('spire-server', command, join(dir, 'server.log')));
    await untilReady(spire.server, () => spire.#admin('healthcheck'));
    const entry = ['-parentID', AGENT_ID, '-spiffeID', `spiffe://${TRUST_DOMAIN}/workload`];
    await spire.#admin('entry', 'create', ...entry, '-selector', `unix:uid:${String(process.getuid?.())}`);
    // The server takes new entries in every 5 s.
    await new Promise((resolve) => setTimeout(resolve, 6_000));
    return spire;
  }

  async #admin(...args: string[]): Promise<string> {
    const { stdout } = await run(join(SPIRE_FOLDER, 'bin/spire-server'), [
      ...args,
      '-socketPath',
      join(this.dir, 'server.sock'),
    ]);
    return stdout;
  }

  /** Prepares an authority, which changes every bundle. */
  async changeBundle(): Promise<void> {
    await this.#admin('localauthority', 'x509', 'prepare');
  }

  /** Activates what was prepared, so that another can be prepared. */
  async settleBundle(): Promise<void> {
    const shown = await this.#admin('localauthority', 'x509', 'show', '-output', 'json');
    const { prepared } = JSON.parse(shown) as { prepared: { authority_id: string } };
    await this.#admin('localauthority', 'x509', 'activate', '-authorityID', prepared.authority_id);
  }

  /** A join token is made before the clock of `launch` starts. */
  async prepareAgent(port: number): Promise<() => Agent> {
    const name = `agent-${++this.#count}`;
    const token = /Token: (\S+)/.exec(await this.#admin('token', 'generate', '-spiffeID', AGENT_ID))?.[1] ?? '';
    const socket = join(this.dir, `${name}.sock`);
    writeFileSync(join(this.dir, `${name}.conf`), agentConfig(this.dir, name, port));
    const config = ['-config', join(this.dir, `${name}.conf`), '-joinToken', token];
    return () => {
      const command = [join(SPIRE_FOLDER, 'bin/spire-agent'), 'run', ...config];
      const agent = { program: new Program(name, command, join(this.dir, `${name}.log`)), socket };
      this.#agents.push(agent);
      return agent;
    };
  }

  async startAgent(port: number): Promise<Agent> {
    const agent = (await this.prepareAgent(port))();
    await untilReady(agent.program, () => firstMessage(agent.socket, X509_PATH, Buffer.alloc(0)));
    return agent;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#agents.map(({ program }) => program.stop()));
    await this.server.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

function serverConfig(dir: string, port: number): string {
  return `server {
  bind_address = "127.0.0.1"
  bind_port = "${port}"
  socket_path = "${dir}/server.sock"
  trust_domain = "${TRUST_DOMAIN}"
  data_dir = "${dir}/server"
  log_level = "WARN"
  ca_key_type = "ec-p256"
  ca_ttl = "24h"
  default_x509_svid_ttl = "1h"
  default_jwt_svid_ttl = "5m"
  ratelimit {
    signing = false
    attestation = false
  }
}
plugins {
  DataStore "sql" { plugin_data { database_type = "sqlite3" connection_string = "${dir}/datastore.sqlite3" } }
  NodeAttestor "join_token" { plugin_data {} }
  KeyManager "memory" { plugin_data {} }
}
`;
}

function agentConfig(dir: string, name: string, port: number): string {
  return `agent {
  data_dir = "${dir}/${name}"
  log_level = "WARN"
  server_address = "127.0.0.1"
  server_port = "${port}"
  socket_path = "${dir}/${name}.sock"
  trust_domain = "${TRUST_DOMAIN}"
  insecure_bootstrap = true
}
plugins {
  NodeAttestor "join_token" { plugin_data {} }
  KeyManager "memory" { plugin_data {} }
  WorkloadAttestor "unix" { plugin_data {} }
}
`;
}
