import { readFileSync } from 'node:fs';
import { connect } from 'node:tls';
import { login } from '../../src/issuer-client/login.js';
import { clusterKeyEvidence } from '../../src/issuer-client/node-evidence.js';
import { ServerAddress } from '../../src/issuer-client/server-address.js';
import { ServerConnection } from '../../src/issuer-client/server-connection.js';
import type { Session } from '../../src/issuer-client/session.js';
import { certificatePem, certificatesOfPem } from '../../src/runtime/certificate-facts.js';
import { systemClock } from '../../src/runtime/clock.js';
import { serveCommands } from '../rig/commands.js';
import type { MintingAgentOptions } from './minting-agent.js';
import { RawConnection } from './raw-grpc.js';

// A load generator that is many agents towards the server: a real login each, then a mutual TLS connection and a bundle stream
// of prepared frames each. It acknowledges what it gets at once, as an agent without workloads does.

const SYNC_PATH = '/com.spirl.agent.v1.agent.API/SyncTrustBundles';
const AT_ONCE = 24;
/** A connection without a session is closed after a minute. */
const LOGINS_PER_CONNECTION = 300;

interface Follower {
  readonly connection: RawConnection;
  messages: number;
  lastAt: number;
  bytes: number;
}

let sessions: Session[] = [];
let followers: Follower[] = [];
let newest: Buffer = Buffer.alloc(0);
let ended = 0;

/** Does `count` pieces of work, a bounded number of them at a time. */
async function manyTimes(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** `SyncRequest` with `acknowledged_version` (field 2): the version is field 1 of the `SyncResponse`, its first bytes. */
function acknowledgementOf(response: Buffer): Buffer {
  if (response[0] !== 0x08) throw new Error('a state does not begin with its version');
  let end = 1;
  while ((response[end] ?? 0) >= 0x80) end++;
  return Buffer.concat([Buffer.of(0x10), response.subarray(1, end + 1)]);
}

function pemOf({ certificateChain, privateKey }: Session): { cert: string; key: string } {
  const lines =
    Buffer.from(privateKey)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return {
    cert: certificateChain.map(certificatePem).join(''),
    key: `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`,
  };
}

function follow(port: number, session: Session, acknowledge: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...{ host: '127.0.0.1', port, ALPNProtocols: ['h2'], minVersion: 'TLSv1.3' },
      // Only the load is simplified: the server proves itself as always, and is believed.
      rejectUnauthorized: false,
      ...pemOf(session),
    });
    socket.once('error', reject);
    const connection = new RawConnection(socket);
    const follower: Follower = { connection, messages: 0, lastAt: 0, bytes: 0 };
    const send = connection.converse(SYNC_PATH, Buffer.alloc(0), {
      message: (bytes) => {
        follower.messages += 1;
        follower.lastAt = performance.now();
        follower.bytes = bytes.length;
        newest = bytes;
        if (acknowledge) send(acknowledgementOf(bytes));
        resolve();
      },
      end: () => {
        ended += 1;
        reject(new Error('a bundle stream ended'));
      },
    });
    followers.push(follower);
  });
}

const commands = {
  /** Logs `count` agents in. */
  login: async (options: MintingAgentOptions, count: number): Promise<void> => {
    const trusted = certificatesOfPem(readFileSync(options.bootstrapFile, 'utf8'));
    const evidence = clusterKeyEvidence(options);
    const facts = { clusterId: options.clusterId, agentVersion: 'bench', nodeName: 'bench' };
    for (let done = 0; done < count; done += LOGINS_PER_CONNECTION) {
      const address = new ServerAddress(options.address);
      const connection = new ServerConnection({ address, trusted, clock: systemClock });
      await manyTimes(Math.min(LOGINS_PER_CONNECTION, count - done), async () => {
        const { signal } = new AbortController();
        const granted = await login(connection, evidence, facts, () => systemClock.now(), signal);
        sessions.push(granted.session);
      });
      connection.retire();
    }
  },
  /** Connects each agent and waits for its first state. `acknowledge`: towards the real server. */
  follow: async (port: number, acknowledge: boolean): Promise<void> => {
    await manyTimes(sessions.length, (index) => follow(port, sessions[index] as Session, acknowledge));
  },
  forget: (): void => {
    for (const follower of followers) follower.messages = 0;
  },
  /** Waits until each agent has had a state since `forget`; when the first and the last arrived, ms since the epoch. */
  arrived: async (): Promise<{ firstAt: number; lastAt: number; ended: number }> => {
    for (const limit = performance.now() + 60_000; !followers.every(({ messages }) => messages > 0);) {
      if (performance.now() > limit) throw new Error('a state has not reached all agents in 60 s');
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const times = followers.map(({ lastAt }) => performance.timeOrigin + lastAt);
    return {
      firstAt: times.reduce((a, b) => Math.min(a, b), Infinity),
      lastAt: times.reduce((a, b) => Math.max(a, b), 0),
      ended,
    };
  },
  /** The newest state, as bytes. */
  newest: (): Uint8Array => newest,
  /** Certificate and key of one agent, PEM. */
  identity: (): { cert: string; key: string } => pemOf(sessions[0] as Session),
  /** Sessions for another process, which plays the same agents towards another server. */
  sessions: (): readonly Session[] => sessions,
  adopt: (others: readonly Session[]): void => void (sessions = [...others]),
  closeAll: (): void => {
    for (const { connection } of followers) connection.close();
    followers = [];
  },
};

export type BundleAgents = typeof commands;

serveCommands(commands);
