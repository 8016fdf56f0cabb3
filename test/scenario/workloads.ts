import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { X509Certificate } from 'node:crypto';
import { createInterface } from 'node:readline';
import { credentials, Metadata, type ClientReadableStream, type ServiceError } from '@grpc/grpc-js';
import { loadService } from '../../src/runtime/load-proto.js';
import { projectRoot } from './start-dev.js';

/** One SVID as a workload saw it arrive. */
export interface Arrival {
  readonly at: number;
  readonly spiffeId: string;
  readonly serial: string;
  /** The keyset that signed it: common name of its issuer. */
  readonly keyset: string;
  readonly notAfter: number;
}

interface X509Message {
  readonly svids: readonly { readonly spiffeId: string; readonly x509Svid: Buffer }[];
}

const { client: WorkloadApi } = loadService('spiffe/workload.proto', 'SpiffeWorkloadAPI');

/** A workload with an open FetchX509SVID stream that reconnects as real ones do, and notes what it got and when it was without. */
export class Workload {
  readonly arrivals: Arrival[] = [];
  readonly ends: { readonly at: number; readonly code: number; readonly details: string }[] = [];
  readonly #socket: string;
  #stopped = false;
  #client: InstanceType<typeof WorkloadApi> | undefined;
  #first: (() => void) | undefined;
  readonly ready: Promise<void>;
  constructor(socket: string) {
    this.#socket = socket;
    this.ready = new Promise((resolve) => (this.#first = resolve));
    this.#open();
  }
  get latest(): Arrival | undefined {
    return this.arrivals.at(-1);
  }
  stop(): void {
    this.#stopped = true;
    this.#client?.close();
  }
  #open(): void {
    const client = new WorkloadApi(`unix://${this.#socket}`, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
    });
    this.#client = client;
    const stream = fetchX509(client);
    stream.on('data', (message: X509Message) => {
      const [svid] = message.svids;
      if (svid === undefined) throw new Error('a message without SVIDs');
      this.arrivals.push(arrivalOf(svid.spiffeId, svid.x509Svid));
      this.#first?.();
    });
    stream.on('error', (error: ServiceError) => {
      client.close();
      if (this.#stopped) return;
      this.ends.push({ at: Date.now(), code: error.code, details: error.details });
      setTimeout(() => this.#open(), 200);
    });
  }
}

/** One fetch on a connection of its own. */
export async function fetchOnce(socket: string): Promise<Arrival> {
  const client = new WorkloadApi(`unix://${socket}`, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
  });
  try {
    return await new Promise((resolve, reject) => {
      const stream = fetchX509(client);
      stream.once('data', (message: X509Message) => {
        const [svid] = message.svids;
        if (svid !== undefined) resolve(arrivalOf(svid.spiffeId, svid.x509Svid));
        stream.cancel();
      });
      stream.on('error', reject);
    });
  } finally {
    client.close();
  }
}

function fetchX509(client: InstanceType<typeof WorkloadApi>): ClientReadableStream<X509Message> {
  const metadata = new Metadata();
  metadata.set('workload.spiffe.io', 'true');
  const method = client['FetchX509SVID'] as unknown as (
    request: object,
    metadata: Metadata,
  ) => ClientReadableStream<X509Message>;
  return method.call(client, {}, metadata);
}

function arrivalOf(spiffeId: string, der: Buffer): Arrival {
  const leaf = new X509Certificate(der);
  const keyset = /CN=(ks_[a-z0-9]+)/.exec(leaf.issuer)?.[1] ?? leaf.issuer;
  return { at: Date.now(), spiffeId, serial: leaf.serialNumber, keyset, notAfter: Date.parse(leaf.validTo) };
}

/** Sockets that reach the agent as different users (root only). */
export interface Users {
  readonly sockets: readonly string[];
  stop(): void;
}

/** Makes `count` local users' ways to the agent; they have no names, so the path template must read `linux.user.id`. */
export async function manyUsers(agentSocket: string, dir: string, count: number, firstUid = 30_000): Promise<Users> {
  if (process.getuid?.() !== 0) throw new Error('this suite needs root: it acts as many users');
  const folder = join(dir, 'users');
  await mkdir(folder, { recursive: true });
  const relay: ChildProcess = spawn(
    'python3',
    ['test/scenario/uid-relay.py', agentSocket, folder, String(firstUid), String(count)],
    { cwd: projectRoot, stdio: ['pipe', 'pipe', 'inherit'] },
  );
  await new Promise<void>((resolve, reject) => {
    createInterface({ input: relay.stdout as NodeJS.ReadableStream }).once('line', () => resolve());
    relay.once('exit', (code) => reject(new Error(`the relay ended with ${String(code)}`)));
  });
  return {
    sockets: Array.from({ length: count }, (_, i) => join(folder, `${firstUid + i}.sock`)),
    stop: () => relay.stdin?.end(),
  };
}
