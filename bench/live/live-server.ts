import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../src/runtime/clock.js';
import { AdminClient } from '../../server-stub/cli/admin-client.js';
import { createClusterKey } from '../../server-stub/cli/cluster-key.js';
import type { Scenario } from '../fleet/scenario.js';
import { projectRoot } from '../rig/program.js';
import { freePort } from '../rig/trust-domain.js';
import type { AgentAccess } from './light-fleet-options.js';
import type { LiveTarget } from './live-target.js';
import { SlowKeyService } from './slow-key-service.js';

export const LIVE_TRUST_DOMAIN = 'live.test';
const DEPLOYMENT_NAME = 'live';
/** Below these a server wants `labTtl`. */
const [X509_TTL_MIN_MS, JWT_TTL_MIN_MS] = [3_600_000, 300_000];
const LOG_END = 2_000;

const POLICY = `section: SVIDIssuancePolicy
schema: v1
spec:
  policy:
    pathTemplate: "/uid/{{linux.user.id}}"
`;

/** A server of the project in a temporary directory, with a cluster; it can be killed and comes back. */
export class LiveServer implements LiveTarget {
  readonly trustDomain = LIVE_TRUST_DOMAIN;
  readonly deploymentName = DEPLOYMENT_NAME;
  readonly access: AgentAccess;
  readonly keyService: SlowKeyService | undefined;
  readonly #dir: string;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  #child: ChildProcess;
  #admin: AdminClient | undefined;

  private constructor(fields: {
    readonly access: AgentAccess;
    readonly keyService: SlowKeyService | undefined;
    readonly dir: string;
    readonly clock: Clock;
    readonly signal: AbortSignal;
    readonly child: ChildProcess;
  }) {
    this.access = fields.access;
    this.keyService = fields.keyService;
    this.#dir = fields.dir;
    this.#clock = fields.clock;
    this.#signal = fields.signal;
    this.#child = fields.child;
  }

  /** `dir`: an empty directory of its own. */
  static async start(
    dir: string,
    scenario: Scenario,
    seed: number,
    clock: Clock,
    signal: AbortSignal,
  ): Promise<LiveServer> {
    const remote = scenario.keyManager.kind === 'remote';
    const keyService = remote ? await SlowKeyService.start(scenario.keyManager, seed, clock) : undefined;
    let child: ChildProcess | undefined;
    try {
      const port = await freePort();
      const key = createClusterKey();
      writeFileSync(join(dir, 'cluster.key'), key.privateKeyPem, { mode: 0o600 });
      writeFileSync(join(dir, 'server.yaml'), JSON.stringify(settingsOf(dir, port, scenario, keyService)));
      child = await serving(dir);
      const admin = await adminOf(dir, clock, signal);
      const cluster = {
        name: 'live',
        trustDomain: LIVE_TRUST_DOMAIN,
        platform: 'linux',
        publicKey: key.publicKey,
      };
      const { clusterId, clusterVersionId } = await admin.call('cluster.RegisterCluster', cluster);
      await admin.call('config.UpdateConfig', {
        scope: { kind: 'cluster', id: clusterId },
        sectionUpdates: [POLICY],
        ...{ prune: false, expectedVersion: '', validateOnly: false },
      });
      const files = { keyFile: join(dir, 'cluster.key'), bootstrapFile: join(dir, 'bootstrap.pem') };
      const access = { address: `127.0.0.1:${port}`, clusterId, clusterVersionId, ...files };
      const server = new LiveServer({ access, keyService, dir, clock, signal, child });
      server.#admin = admin;
      return server;
    } catch (error) {
      child?.kill('SIGKILL');
      await keyService?.close();
      throw error;
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async admin(): Promise<AdminClient> {
    return (this.#admin ??= await adminOf(this.#dir, this.#clock, this.#signal));
  }

  /** Ends it: `SIGKILL` in the middle of whatever it does. */
  async end(how: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    this.#admin?.close();
    this.#admin = undefined;
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill(how);
    await ended;
  }

  /** Starts it again, with what it had on disk. */
  async again(): Promise<void> {
    if (!this.#signal.aborted) this.#child = await serving(this.#dir);
  }

  async stop(): Promise<void> {
    await this.end('SIGTERM');
    await this.keyService?.close();
  }
}

/** Starts the server of `dir`; resolves when it serves. It ends with this process, however this one ends. */
async function serving(dir: string): Promise<ChildProcess> {
  const log = join(dir, 'server.log');
  const fd = openSync(log, 'a', 0o600);
  const args = ['run', '--config', join(dir, 'server.yaml')];
  const child = fork('server-stub/bin/spirl-server.mjs', args, { cwd: projectRoot, stdio: ['ignore', fd, fd, 'ipc'] });
  closeSync(fd);
  await new Promise<void>((resolve, reject) => {
    child.once('message', () => resolve());
    child.once('exit', (code) =>
      reject(new Error(`the server ended with ${String(code)}:\n${readFileSync(log, 'utf8').slice(-LOG_END)}`)),
    );
  });
  return child;
}

function adminOf(dir: string, clock: Clock, signal: AbortSignal): Promise<AdminClient> {
  return AdminClient.connect({ path: join(dir, 'admin.sock'), source: 'default' }, () => clock.now(), signal);
}

function settingsOf(dir: string, port: number, scenario: Scenario, keyService: SlowKeyService | undefined): object {
  const { x509TTL, jwtTTL } = scenario.svids;
  const settings = {
    trustDomainDeployment: { trustDomainName: LIVE_TRUST_DOMAIN, name: DEPLOYMENT_NAME },
    stateDir: join(dir, 'server'),
    adminSocket: join(dir, 'admin.sock'),
    bootstrapFile: join(dir, 'bootstrap.pem'),
    bundlePath: join(dir, 'bundle.pem'),
    agentEndpoint: { host: '127.0.0.1', port, names: ['127.0.0.1', 'localhost'] },
    metricsAPI: { port: 0 },
    svid: { x509TTL: `${x509TTL / 1000}s`, jwtTTL: `${jwtTTL / 1000}s` },
    labTtl: x509TTL < X509_TTL_MIN_MS || jwtTTL < JWT_TTL_MIN_MS,
  };
  if (keyService === undefined) return settings;
  writeFileSync(join(dir, 'key-service-ca.pem'), keyService.ca, { mode: 0o600 });
  return {
    ...settings,
    extensions: { webhookHosts: [new URL(keyService.url).host], secretDirectories: [dir] },
    managedConfig: [
      {
        section: 'KeyManager',
        schema: 'v1',
        spec: {
          extensions: {
            webhook: { webhookURL: keyService.url, caCertPath: join(dir, 'key-service-ca.pem'), timeout: '60s' },
          },
        },
      },
    ],
  };
}
