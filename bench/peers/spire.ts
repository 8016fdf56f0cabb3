import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { firstMessage } from '../load/raw-grpc.js';
import { X509_PATH } from '../load/requests.js';
import { goesWithRun } from '../rig/leftovers.js';
import { Program, projectRoot, untilReady } from '../rig/program.js';
import type { Agent } from '../rig/trust-domain.js';
import type { SpireMintingOptions } from './spire-minting.js';

const run = promisify(execFile);
const TRUST_DOMAIN = 'anchor.test';
/** What the entries of SPIRE's agents hang on: one entry for this user, one for each of many users, or those that a client mints for. */
export type Kind = 'single' | 'many' | 'minting';

const parentOf = (kind: Kind): string => `spiffe://${TRUST_DOMAIN}/${kind}-agent`;
/** The server takes new entries and new agents in every 5 s. */
const TAKEN_IN_MS = 6_000;
/** One more than its own default, for as many entries and the agent's own. */
const SVID_CACHE = 1_100;
const MINTING_ENTRIES = 100;

/** Where `build-spire.sh` puts the programs. */
export const SPIRE_FOLDER = join(projectRoot, '.ci/parts/spire');

/** An agent that has its join token and was taken in by the server, but not executed. */
export interface PreparedSpireAgent {
  readonly socket: string;
  readonly launch: () => Agent;
}

/** SPIRE's server, its entries and agents; every setting as in the reference measurement. */
export class Spire {
  readonly dir: string;
  readonly server: Program;
  readonly #agents: Agent[] = [];
  #count = 0;
  #mintingEntries: readonly string[] = [];

  private constructor(dir: string, server: Program) {
    this.dir = dir;
    this.server = server;
  }

  /** `users` are the uids of the many users. */
  static async start(port: number, users: readonly number[]): Promise<Spire> {
    if (!existsSync(join(SPIRE_FOLDER, 'bin/spire-agent'))) throw new Error(`SPIRE is not built in ${SPIRE_FOLDER}`);
    const dir = mkdtempSync(join(tmpdir(), 'spire-bench-'));
    goesWithRun(dir);
    chmodSync(dir, 0o711);
    writeFileSync(join(dir, 'server.conf'), serverConfig(dir, port));
    const command = [join(SPIRE_FOLDER, 'bin/spire-server'), 'run', '-config', join(dir, 'server.conf')];
    const spire = new Spire(dir, new Program('spire-server', command, join(dir, 'server.log')));
    await untilReady(spire.server, () => spire.#admin('healthcheck'));
    await spire.#createEntries('single', [process.getuid?.() ?? 0]);
    await spire.#createEntries('many', users);
    spire.#mintingEntries = await spire.#createEntries(
      'minting',
      Array.from({ length: MINTING_ENTRIES }, (_, i) => 100_000 + i),
    );
    return spire;
  }

  /** One entry per uid; their ids. */
  async #createEntries(kind: Kind, uids: readonly number[]): Promise<readonly string[]> {
    const entries = uids.map((uid) => ({
      selectors: [{ type: 'unix', value: `uid:${uid}` }],
      spiffe_id: `spiffe://${TRUST_DOMAIN}/${kind}/uid/${uid}`,
      parent_id: parentOf(kind),
    }));
    const file = join(this.dir, `${kind}-entries.json`);
    writeFileSync(file, JSON.stringify({ entries }));
    const answer = await this.#admin('entry', 'create', '-output', 'json', '-data', file);
    const { results } = JSON.parse(answer) as { results: { status: { code: number }; entry: { id: string } }[] };
    if (results.some(({ status }) => status.code !== 0)) throw new Error('SPIRE did not create all entries');
    return results.map(({ entry }) => entry.id);
  }

  /** What a client needs that mints as an agent. */
  async mintingAccess(port: number): Promise<SpireMintingOptions> {
    const bundlePem = await this.#admin('bundle', 'show');
    const joinToken = await this.#joinToken('minting');
    return { address: `127.0.0.1:${port}`, bundlePem, joinToken, entryIds: this.#mintingEntries };
  }

  async #joinToken(kind: Kind): Promise<string> {
    const printed = await this.#admin('token', 'generate', '-spiffeID', parentOf(kind), '-ttl', '3600');
    return /Token: (\S+)/.exec(printed)?.[1] ?? '';
  }

  /** Waits until the server knows what has been created so far; that is not what is measured. */
  async takenIn(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, TAKEN_IN_MS));
  }

  async #admin(...args: string[]): Promise<string> {
    const command = [...args, '-socketPath', join(this.dir, 'server.sock')];
    const { stdout } = await run(join(SPIRE_FOLDER, 'bin/spire-server'), command, { maxBuffer: 64 * 1024 * 1024 });
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
  async prepareAgent(port: number, kind: Kind): Promise<PreparedSpireAgent> {
    const name = `spire-agent-${++this.#count}`;
    const token = await this.#joinToken(kind);
    const socket = join(this.dir, `${name}.sock`);
    writeFileSync(join(this.dir, `${name}.conf`), agentConfig(this.dir, name, port));
    const config = ['-config', join(this.dir, `${name}.conf`), '-joinToken', token];
    const launch = (): Agent => {
      const command = [join(SPIRE_FOLDER, 'bin/spire-agent'), 'run', ...config];
      const agent = { program: new Program(name, command, join(this.dir, `${name}.log`)), socket };
      this.#agents.push(agent);
      return agent;
    };
    return { socket, launch };
  }

  async startAgent(port: number): Promise<Agent> {
    const { launch } = await this.prepareAgent(port, 'single');
    await this.takenIn();
    const agent = launch();
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
  x509_svid_cache_max_size = ${SVID_CACHE}
}
plugins {
  NodeAttestor "join_token" { plugin_data {} }
  KeyManager "memory" { plugin_data {} }
  WorkloadAttestor "unix" { plugin_data {} }
}
`;
}
