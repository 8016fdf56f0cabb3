import { once } from 'node:events';
import { Agent as PlainAgent, request as plainRequest } from 'node:http';
import { Agent as TlsAgent, request as tlsRequest } from 'node:https';
import { Worker } from 'node:worker_threads';
import type { BareCalls } from '../key-services/key-service.js';
import { serveCommands } from '../rig/commands.js';
import { closedLoop, type LoopResult } from './closed-loop.js';
import type { TokenThreadData } from './token-thread.js';

// Asks a key service for signatures and does nothing else with them: what the service alone does on this machine.

type Loop = (inFlight: number, ms: number) => Promise<LoopResult>;

function overHttp({ url, headers, body, ca }: BareCalls & { kind: 'http' }): Loop {
  const target = new URL(url);
  const request = ca === undefined ? plainRequest : tlsRequest;
  const agent = ca === undefined ? new PlainAgent({ keepAlive: true }) : new TlsAgent({ keepAlive: true, ca });
  const options = { method: 'POST', agent, headers: { ...headers, 'content-length': String(Buffer.byteLength(body)) } };
  const ask = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const call = request(target, options, (answer) => {
        answer.resume();
        answer.on('end', () => (answer.statusCode === 200 ? resolve() : reject(new Error(`${answer.statusCode}`))));
        answer.on('error', reject);
      });
      call.on('error', reject);
      call.end(body);
    });
  return (inFlight, ms) => closedLoop(ask, inFlight, ms);
}

/** As many calls are under way as there are sessions: a session does one at a time. */
async function overSessions({ kind: _, sessions, ...place }: BareCalls & { kind: 'pkcs11' }): Promise<Loop> {
  const threads: Worker[] = [];
  for (let at = 0; at < sessions; at++) {
    const workerData: TokenThreadData = { ...place, first: at === 0 };
    const thread = new Worker(new URL('./token-thread.js', import.meta.url), { workerData });
    threads.push(thread);
    await once(thread, 'message');
  }
  return async (_inFlight, ms) => {
    const startedAt = performance.now();
    const until = Date.now() + ms;
    const counts = threads.map(async (thread) => {
      thread.postMessage(until);
      return ((await once(thread, 'message')) as [number])[0];
    });
    const count = (await Promise.all(counts)).reduce((sum, one) => sum + one, 0);
    const seconds = (performance.now() - startedAt) / 1000;
    return { count, seconds, p50: (seconds * 1000 * sessions) / count };
  };
}

async function withOfficialClient({ vaultUrl }: BareCalls & { kind: 'keyVault' }): Promise<Loop> {
  const { ClientSecretCredential } = await import('@azure/identity');
  const { CryptographyClient, KeyClient } = await import('@azure/keyvault-keys');
  const { AZURE_TENANT_ID = '', AZURE_CLIENT_ID = '', AZURE_CLIENT_SECRET = '' } = process.env;
  const credential = new ClientSecretCredential(AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET);
  const { id = '' } = await new KeyClient(vaultUrl, credential).createEcKey('bare', { curve: 'P-256', hsm: true });
  const client = new CryptographyClient(id, credential);
  const digest = Buffer.alloc(32, 7);
  // The first call alone: of several at once the client may send one without its body.
  await client.sign('ES256', digest);
  return (inFlight, ms) => closedLoop(() => client.sign('ES256', digest), inFlight, ms);
}

function loopOf(calls: BareCalls): Promise<Loop> | Loop {
  switch (calls.kind) {
    case 'http':
      return overHttp(calls);
    case 'pkcs11':
      return overSessions(calls);
    case 'keyVault':
      return withOfficialClient(calls);
  }
}

let loop: Loop | undefined;
const commands = {
  prepare: async (calls: BareCalls): Promise<void> => {
    loop = await loopOf(calls);
  },
  sign: (inFlight: number, ms: number): Promise<LoopResult> => {
    if (loop === undefined) throw new Error('not prepared');
    return loop(inFlight, ms);
  },
};

export type BareSigner = typeof commands;

serveCommands(commands);
