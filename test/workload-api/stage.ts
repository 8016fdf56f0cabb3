import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials, Metadata, type ClientReadableStream, type ServiceError } from '@grpc/grpc-js';
import type { Attributes } from '../../src/domain/attributes.js';
import type { PeerProcess } from '../../src/domain/peer-process.js';
import { SpiffeId } from '../../src/domain/spiffe-id.js';
import type { JwtSvid } from '../../src/domain/svid.js';
import type { TrustBundle } from '../../src/domain/trust-bundle.js';
import type { X509Context } from '../../src/domain/x509-context.js';
import { systemClock } from '../../src/runtime/clock.js';
import { Latest } from '../../src/runtime/latest.js';
import { loadService } from '../../src/runtime/load-proto.js';
import { silentLogger } from '../../src/runtime/logger.js';
import { aborted } from '../../src/runtime/task-group.js';
import type { BundleSet } from '../../src/workload-api/bundle-source.js';
import { createWorkloadApi, type WorkloadApi, type WorkloadApiOptions } from '../../src/workload-api/workload-api.js';

export const HEADER: readonly [string, string] = ['workload.spiffe.io', 'true'];

export function bundle(trustDomain: string, sequence = 1): TrustBundle {
  return {
    trustDomain,
    sequence,
    refreshHintSeconds: 60,
    x509Authorities: [{ certificate: Buffer.from(`ca of ${trustDomain} ${sequence}`) }],
    jwtAuthorities: [{ keyId: 'ks_1', publicJwk: { kty: 'EC', crv: 'P-256', x: 'x', y: 'y' } }],
  };
}

/** An X.509 context that says `text`; certificates are any bytes, the room does not look into them. */
export function contextOf(text: string, size = 100): X509Context {
  const svid = {
    spiffeId: SpiffeId.parse('spiffe://example.org/a'),
    chain: [Buffer.from(text.padEnd(size)), Buffer.from('intermediate')],
    privateKey: Buffer.from('key'),
    serial: '01',
    notBefore: 0,
    notAfter: 1,
    keysetId: 'ks_1',
    outcome: '',
    hint: 'internal',
  };
  return { svids: [svid], bundle: bundle('example.org'), federatedBundles: [bundle('other.org')] };
}

/** The stages behind the Workload API, moved by a test. */
export class FakeSources {
  readonly bundles = new Latest<BundleSet>({ version: 1, bundles: [bundle('example.org'), bundle('other.org')] });
  readonly watching = new Set<(context: X509Context) => void>();
  context: X509Context | undefined = contextOf('first');
  readonly peers: PeerProcess[] = [];
  readonly jwtRequests: { attributes: Attributes; uid: number; audience: readonly string[]; spiffeId?: SpiffeId }[] =
    [];
  /** What attestation, an identity or an SVID is refused with. */
  attestation: () => Promise<Attributes> = () => Promise.resolve({ 'linux.user.name': ['alice'] });
  refusal: Error | undefined;

  callerAttributes(process: PeerProcess): Promise<Attributes> {
    this.peers.push(process);
    return this.attestation();
  }

  readonly x509Contexts = {
    watch: async (_: Attributes, deliver: (context: X509Context) => void, signal: AbortSignal): Promise<void> => {
      if (this.refusal !== undefined) throw this.refusal;
      this.watching.add(deliver);
      if (this.context !== undefined) deliver(this.context);
      await aborted(signal);
      this.watching.delete(deliver);
    },
  };

  readonly jwtSvids = {
    jwtSvids: (request: FakeSources['jwtRequests'][number]): Promise<readonly JwtSvid[]> => {
      if (this.refusal !== undefined) return Promise.reject(this.refusal);
      this.jwtRequests.push(request);
      const spiffeId = request.spiffeId ?? SpiffeId.parse('spiffe://example.org/a');
      const svid = { spiffeId, token: 'a.b.c', issuedAt: 0, expiresAt: 1, keysetId: 'ks_1', hint: 'h' };
      return Promise.resolve([svid, { ...svid, token: 'd.e.f' }]);
    },
  };

  readonly entitlement = {
    requireIdentity: (): Promise<SpiffeId> => {
      if (this.refusal !== undefined) return Promise.reject(this.refusal);
      return Promise.resolve(SpiffeId.parse('spiffe://example.org/a'));
    },
  };

  /** Delivers a newer context to every stream. */
  deliver(context: X509Context): void {
    this.context = context;
    for (const deliver of this.watching) deliver(context);
  }
}

const { client: ServiceClient } = loadService('spiffe/workload.proto', 'SpiffeWorkloadAPI');

interface Test {
  teardown(end: () => Promise<void>): void;
}

/** A Workload API on a socket of its own, with fake stages behind it. */
export class Stage {
  readonly directory = mkdtempSync(join(tmpdir(), 'wapi-'));
  readonly socketPath = join(this.directory, 'agent.sock');
  readonly sources = new FakeSources();
  readonly unexpected: unknown[] = [];
  readonly api: WorkloadApi;
  readonly #stop = new AbortController();
  readonly #clients: { close(): void }[] = [];
  #running: Promise<void> = Promise.resolve();

  private constructor(options: Partial<WorkloadApiOptions>) {
    this.api = createWorkloadApi({
      socketPath: this.socketPath,
      sources: this.sources,
      clock: systemClock,
      logger: silentLogger,
      onUnexpected: (error) => this.unexpected.push(error),
      ...options,
    });
  }

  /** Closed at the end of the test at the latest. */
  static async open(t: Test, options: Partial<WorkloadApiOptions> = {}): Promise<Stage> {
    const stage = new Stage(options);
    t.teardown(() => stage.close());
    stage.#running = stage.api.run(stage.#stop.signal);
    await Promise.race([stage.api.listening, stage.#running]);
    return stage;
  }

  /** A client with a connection of its own. */
  client(): WorkloadApiClient {
    const made = new ServiceClient(`unix:${this.socketPath}`, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.max_reconnect_backoff_ms': 100,
    });
    this.#clients.push(made);
    return new WorkloadApiClient(made as unknown as Methods);
  }

  /** Stops the server; clients stay. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

type Stream = ClientReadableStream<Record<string, unknown>>;
type Methods = Record<string, (...args: unknown[]) => Stream>;

export interface Outcome {
  readonly code: number;
  readonly details: string;
  readonly response?: Record<string, unknown>;
}

/** Calls by name, with the security header unless told otherwise. */
export class WorkloadApiClient {
  readonly #methods: Methods;
  constructor(methods: Methods) {
    this.#methods = methods;
  }

  stream(method: string, headers: readonly (readonly [string, string])[] = [HEADER]): StreamReader {
    return new StreamReader(this.#call(method, {}, metadataOf(headers)));
  }

  unary(method: string, request: object, headers: readonly (readonly [string, string])[] = [HEADER]): Promise<Outcome> {
    return new Promise((resolve) => {
      this.#call(
        method,
        request,
        metadataOf(headers),
        (error: ServiceError | null, response?: Record<string, unknown>) => {
          if (error !== null) resolve({ code: error.code, details: error.details });
          else resolve({ code: 0, details: '', ...(response === undefined ? {} : { response }) });
        },
      );
    });
  }

  #call(method: string, ...args: unknown[]): Stream {
    const call = this.#methods[method];
    if (call === undefined) throw new Error(`no method ${method}`);
    return call.call(this.#methods, ...args);
  }
}

/** A server stream as messages to wait for, one after the other, and its end. */
export class StreamReader {
  readonly call: Stream;
  readonly messages: Record<string, unknown>[] = [];
  readonly ended: Promise<Outcome>;
  #waiting: (() => void)[] = [];
  #done = false;

  constructor(call: Stream) {
    this.call = call;
    call.on('data', (message: Record<string, unknown>) => {
      this.messages.push(message);
      this.#wake();
    });
    this.ended = new Promise((resolve) => {
      call.on('error', (error: Partial<ServiceError>) => {
        this.#done = true;
        this.#wake();
        resolve({ code: error.code ?? -1, details: error.details ?? '' });
      });
      call.on('end', () => {
        this.#done = true;
        this.#wake();
        resolve({ code: 0, details: '' });
      });
    });
  }

  /** The message number `index`, counted from 0. */
  async at(index: number): Promise<Record<string, unknown>> {
    for (;;) {
      const message = this.messages[index];
      if (message !== undefined) return message;
      if (this.#done) throw new Error(`the stream ended: ${JSON.stringify(await this.ended)}`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

/** What the first SVID of a FetchX509SVID response says. */
export function textOf(message: Record<string, unknown>): string {
  const [svid] = message['svids'] as { x509Svid: Buffer }[];
  return svid?.x509Svid.toString().replace('intermediate', '').trimEnd() ?? '';
}

export function metadataOf(headers: readonly (readonly [string, string])[]): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of headers) metadata.add(name, value);
  return metadata;
}

/** Waits until `holds`, asking again every few milliseconds for at most 10 s. */
export async function until(holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 2_000 && !holds(); turn++) await new Promise((resolve) => setTimeout(resolve, 5));
  if (!holds()) throw new Error('did not come to hold within 10 s');
}

/** Open descriptors of this process. */
export function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}
