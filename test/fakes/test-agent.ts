import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type IssuerClient,
  type IssuerClientOptions,
  openIssuerClient,
} from '../../src/issuer-client/issuer-client.js';
import { clusterKeyEvidence } from '../../src/issuer-client/node-evidence.js';
import { systemClock } from '../../src/runtime/clock.js';
import type { AgentsEndpoint } from './agents-endpoint.js';
import { RecordingLogger } from './recording-logger.js';

export interface ClusterKeyPair {
  readonly publicKey: Buffer;
  readonly privateKey: KeyObject;
}

export function clusterKeyPair(): ClusterKeyPair {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return { publicKey: publicKey.export({ type: 'spki', format: 'der' }), privateKey };
}

/** A directory with what an operator gives a node: cluster key and bootstrap file. */
export class TestNode {
  readonly directory = mkdtempSync(join(tmpdir(), 'agent-'));
  readonly logger = new RecordingLogger();
  readonly mints: [string, string][] = [];
  readonly clusterId: string;
  readonly clusterVersionId: string;

  private constructor(clusterId: string, clusterVersionId: string) {
    this.clusterId = clusterId;
    this.clusterVersionId = clusterVersionId;
  }

  /** Registers a cluster for the node. */
  static async of(server: AgentsEndpoint, name = 'fleet', key = clusterKeyPair()): Promise<TestNode> {
    const ids = await server.clusters.register({ name, platform: 'linux', publicKey: key.publicKey });
    const node = new TestNode(ids.clusterId, ids.clusterVersionId);
    node.useKey(key.privateKey);
    node.useBootstrap(server.sessionCa.bootstrapPem());
    return node;
  }

  get keyFile(): string {
    return join(this.directory, 'cluster.pem');
  }

  useKey(key: KeyObject): void {
    writeFileSync(this.keyFile, key.export({ type: 'pkcs8', format: 'pem' }));
  }

  useBootstrap(pem: string): void {
    writeFileSync(join(this.directory, 'bootstrap.pem'), pem);
  }

  /** A started agent; `stop` ends it, the directory stays for the next one. */
  async start(port: number, options: Partial<IssuerClientOptions> = {}): Promise<TestAgent> {
    const { clusterId, clusterVersionId, keyFile } = this;
    const client = await openIssuerClient({
      address: `127.0.0.1:${port}`,
      clusterId,
      bootstrapFile: join(this.directory, 'bootstrap.pem'),
      stateDir: join(this.directory, 'state'),
      evidence: clusterKeyEvidence({ clusterVersionId, keyFile }),
      keySource: 'server',
      agentVersion: '0.0.0-test',
      nodeName: 'node-1',
      metrics: { minted: (type, code) => void this.mints.push([type, code]) },
      clock: systemClock,
      random: Math.random,
      logger: this.logger,
      ...options,
    });
    const stop = new AbortController();
    const running = client.run(stop.signal);
    return {
      client,
      stop: async () => {
        stop.abort();
        await running;
      },
    };
  }
}

export interface TestAgent {
  readonly client: IssuerClient;
  stop(): Promise<void>;
}

/** Waits until `check` holds; bounded by the test's own time limit. */
export async function until(check: () => unknown): Promise<void> {
  while (!check()) await new Promise((resolve) => setTimeout(resolve, 5));
}
