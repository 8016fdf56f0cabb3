import { randomInt } from 'node:crypto';
import { AgentSession } from '../../src/issuer-client/agent-session.js';
import { clusterKeyEvidence } from '../../src/issuer-client/node-evidence.js';
import type { ServerConnection } from '../../src/issuer-client/server-connection.js';
import { StateDirectory } from '../../src/issuer-client/state-directory.js';
import { systemClock } from '../../src/runtime/clock.js';
import { loadService } from '../../src/runtime/load-proto.js';
import { silentLogger } from '../../src/runtime/logger.js';
import { serveCommands } from '../rig/commands.js';
import { mintLoop, type Minted } from './mint-loop.js';

// A load generator that is an agent towards the server: the agent's own session, then prepared requests as bytes.

/** Where the server is and what proves the cluster. */
export interface MintingAgentOptions {
  readonly address: string;
  readonly clusterId: string;
  readonly clusterVersionId: string;
  readonly keyFile: string;
  readonly bootstrapFile: string;
  readonly stateDir: string;
}

const { definition } = loadService('spirl/agent/v1/agent.proto', 'com.spirl.agent.v1.agent.API');
const AS_BYTES = { encode: (bytes: Partial<Buffer>) => bytes as Buffer, decode: (bytes: Buffer) => bytes };
/** Distinct identities, as many as SPIRE had entries. */
const IDENTITIES = 100;

const { signal: NEVER } = new AbortController();

let connection: ServerConnection | undefined;

function call(path: string, request: Buffer): Promise<Buffer> {
  if (connection === undefined) throw new Error('not logged in');
  return connection.unary({ path, request: AS_BYTES, response: AS_BYTES }, request, NEVER);
}

/** What an agent sends of a workload, with its values in a list each. */
function attributesOf(uid: number): Record<string, { values: string[] }> {
  const values = {
    'linux.user.id': [String(uid)],
    'linux.user.name': [`user-${uid}`],
    'linux.group.id': [String(uid)],
  };
  return Object.fromEntries(Object.entries(values).map(([name, list]) => [name, { values: list }]));
}

function methodOf(kind: 'x509' | 'jwt') {
  const method = definition[kind === 'x509' ? 'MintX509SVIDs' : 'MintJWTSVIDs'];
  if (method === undefined) throw new Error('the API has changed');
  return method;
}

function requestOf(kind: 'x509' | 'jwt', batch: number): Buffer {
  const items = Array.from({ length: batch }, () => {
    const attributes = attributesOf(40_000 + randomInt(IDENTITIES));
    return kind === 'x509' ? { attributes, csr: Buffer.alloc(0), renewal: false } : { attributes, audience: ['bench'] };
  });
  return methodOf(kind).requestSerialize({ items });
}

function checkAnswer(kind: 'x509' | 'jwt', batch: number, bytes: Buffer): void {
  const { results } = methodOf(kind).responseDeserialize(bytes) as { results: { status: { code: number } | null }[] };
  const failed = results.find(({ status }) => (status?.code ?? 0) !== 0);
  if (results.length !== batch || failed !== undefined) throw new Error(`not minted: ${JSON.stringify(failed)}`);
}

const commands = {
  login: async (options: MintingAgentOptions): Promise<void> => {
    const state = await StateDirectory.open(options.stateDir, silentLogger);
    const session = await AgentSession.open({
      ...options,
      ...{ state, clock: systemClock, random: Math.random, logger: silentLogger },
      evidence: clusterKeyEvidence(options),
      agentVersion: 'bench',
      nodeName: 'bench',
    });
    void session.run(NEVER);
    connection = await session.connection(NEVER);
  },
  /** Mints in a closed loop; SVIDs, seconds and the median latency of a call in milliseconds. */
  mint: (kind: 'x509' | 'jwt', batch: number, inFlight: number, ms: number): Promise<Minted> => {
    const { path } = methodOf(kind);
    const requests = Array.from({ length: 16 }, () => requestOf(kind, batch));
    const mintBatch = async (count: number): Promise<void> => {
      const answer = await call(path, requests[count % requests.length] as Buffer);
      if (count % 100 === 0) checkAnswer(kind, batch, answer);
    };
    return mintLoop(mintBatch, { batch, inFlight, ms });
  },
};

export type MintingAgent = typeof commands;

serveCommands(commands);
