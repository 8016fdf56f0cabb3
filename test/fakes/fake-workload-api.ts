import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Server,
  ServerCredentials,
  status,
  type Metadata,
  type sendUnaryData,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { reflectionOf } from '../../src/runtime/grpc-reflection.js';
import { loadService } from '../../src/runtime/load-proto.js';
import { TestAuthority, type IssuedSvid } from './test-authority.js';

/** What a fake endpoint does wrong on purpose, so that a suite can show that it notices. */
export type Fault =
  | 'accepts any header'
  | 'accepts an empty audience'
  | 'accepts any token'
  | 'sends a PEM bundle'
  | 'sends unknown trust domains'
  | 'has no reflection'
  | 'implements WIT badly'
  | 'sends only changes';

type Stream = ServerWritableStream<unknown, unknown>;

/** A Workload API endpoint in this process, for one workload `spiffe://example.org/workload`. */
export class FakeWorkloadApi {
  readonly socketPath: string;
  readonly authority: TestAuthority;
  readonly requests: string[] = [];
  /** Set to refuse every call. */
  refusal: { code: status; details: string } | undefined;
  svid: IssuedSvid;
  readonly #server = new Server();
  readonly #faults: ReadonlySet<Fault>;
  readonly #folder: string;
  readonly #streams = new Map<Stream, () => object>();

  private constructor(folder: string, authority: TestAuthority, svid: IssuedSvid, faults: readonly Fault[]) {
    this.#folder = folder;
    this.socketPath = join(folder, 'agent.sock');
    this.authority = authority;
    this.svid = svid;
    this.#faults = new Set(faults);
  }

  static async start(...faults: readonly Fault[]): Promise<FakeWorkloadApi> {
    const authority = await TestAuthority.create();
    const folder = await mkdtemp(join(tmpdir(), 'fake-'));
    const fake = new FakeWorkloadApi(folder, authority, await authority.issue(), faults);
    await fake.#listen();
    return fake;
  }

  get uri(): string {
    return `unix://${this.socketPath}`;
  }

  /** Issues a new SVID and pushes it to all open streams. */
  async rotate(lifetimeMs?: number): Promise<void> {
    this.svid = await this.authority.issue(lifetimeMs === undefined ? {} : { lifetimeMs });
    for (const [stream, message] of this.#streams) stream.write(message());
  }

  /** Ends all open streams. */
  endStreams(code: status, details: string): void {
    for (const stream of this.#streams.keys()) stream.emit('error', { code, details });
    this.#streams.clear();
  }

  async stop(): Promise<void> {
    this.#server.forceShutdown();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #listen(): Promise<void> {
    const { definition } = loadService('spiffe/workload.proto', 'SpiffeWorkloadAPI');
    this.#server.addService(definition, this.#handlers());
    if (!this.#faults.has('has no reflection')) this.#addReflection();
    await new Promise<void>((resolve, reject) => {
      this.#server.bindAsync(`unix:${this.socketPath}`, ServerCredentials.createInsecure(), (error) =>
        error === null ? resolve() : reject(error),
      );
    });
  }

  #addReflection(): void {
    const bytes = (message: Buffer): Buffer => message;
    for (const [path, answer] of reflectionOf('spiffe/workload.proto')) {
      const method = {
        ...{ path, requestStream: true, responseStream: true },
        ...{ requestSerialize: bytes, requestDeserialize: bytes, responseSerialize: bytes, responseDeserialize: bytes },
      };
      const serve = async (call: ServerDuplexStream<Buffer, Buffer>): Promise<void> => {
        for await (const request of call.iterator({ destroyOnReturn: false }))
          call.write(await answer(request as Buffer));
      };
      this.#server.addService(
        { answer: method },
        { answer: (call: ServerDuplexStream<Buffer, Buffer>) => void serve(call).then(() => call.end()) },
      );
    }
  }

  #handlers(): UntypedServiceImplementation {
    const wit = this.#faults.has('implements WIT badly')
      ? { FetchWITSVID: (call: Stream) => call.end(), FetchWITBundles: (call: Stream) => call.end() }
      : {};
    return {
      FetchX509SVID: this.#streaming(() => this.#x509Context()),
      FetchX509Bundles: this.#streaming(() => ({ crl: [], bundles: this.#byTrustDomain(this.#x509Bundle()) })),
      FetchJWTBundles: this.#streaming(() => ({ bundles: this.#byTrustDomain(this.authority.jwks) })),
      FetchJWTSVID: this.#unary((request: { audience: string[]; spiffeId: string }) => this.#jwtSvids(request)),
      ValidateJWTSVID: this.#unary((request: { audience: string; svid: string }) => this.#validate(request)),
      ...wit,
    };
  }

  #x509Context(): object {
    const { spiffeId, chain, key } = this.svid;
    const svid = { spiffeId, x509Svid: Buffer.concat(chain), x509SvidKey: key, bundle: this.#x509Bundle(), hint: '' };
    return { svids: [svid], crl: [], federatedBundles: {} };
  }

  #x509Bundle(): Buffer {
    if (!this.#faults.has('sends a PEM bundle')) return this.authority.certificate;
    return Buffer.from(`-----BEGIN CERTIFICATE-----\n${this.authority.certificate.toString('base64')}\n-----END`);
  }

  #byTrustDomain(value: Buffer): Record<string, Buffer> {
    const name = this.#faults.has('sends unknown trust domains') ? 'elsewhere' : this.authority.trustDomain;
    return { [`spiffe://${name}`]: value };
  }

  #jwtSvids({ audience, spiffeId }: { audience: string[]; spiffeId: string }): Promise<object> {
    if ((audience.length === 0 || audience.includes('')) && !this.#faults.has('accepts an empty audience')) {
      throw refused(status.INVALID_ARGUMENT, 'audience must be specified');
    }
    if (spiffeId !== '' && !/^spiffe:\/\/[a-z0-9._-]+(\/[\w.-]+)*$/.test(spiffeId)) {
      throw refused(status.INVALID_ARGUMENT, 'not a SPIFFE ID');
    }
    if (spiffeId !== '' && spiffeId !== this.svid.spiffeId)
      throw refused(status.PERMISSION_DENIED, 'no identity issued');
    const svid = this.authority.issueJwt(audience);
    return Promise.resolve({ svids: [{ spiffeId: this.svid.spiffeId, svid, hint: '' }] });
  }

  async #validate({ audience, svid }: { audience: string; svid: string }): Promise<object> {
    if (audience === '' || svid === '') throw refused(status.INVALID_ARGUMENT, 'audience and svid must be specified');
    if (this.#faults.has('accepts any token')) return { spiffeId: this.svid.spiffeId, claims: struct({}) };
    try {
      const keys = createLocalJWKSet({ keys: [{ kty: 'EC', ...this.authority.jwk }] });
      const { payload, protectedHeader } = await jwtVerify(svid, keys, { audience, requiredClaims: ['exp', 'sub'] });
      const odd = Object.keys(protectedHeader).some((name) => !['alg', 'kid', 'typ'].includes(name));
      if (odd || !['JWT', 'JOSE', undefined].includes(protectedHeader.typ)) throw new Error('header');
      if (!payload.sub?.startsWith(`spiffe://${this.authority.trustDomain}/`)) throw new Error('subject');
      return { spiffeId: payload.sub, claims: struct(payload) };
    } catch {
      throw refused(status.INVALID_ARGUMENT, 'the token is not valid');
    }
  }

  #refusalOf(metadata: Metadata): { code: status; details: string } | undefined {
    const values = metadata.get('workload.spiffe.io');
    const proper = values.length === 1 && values[0] === 'true';
    if (proper || this.#faults.has('accepts any header')) return this.refusal;
    return { code: status.INVALID_ARGUMENT, details: 'security header missing from request' };
  }

  #streaming(message: () => object) {
    return (call: Stream): void => {
      const refusal = this.#refusalOf(call.metadata);
      if (refusal !== undefined) {
        call.emit('error', refusal);
        return;
      }
      this.#streams.set(call, message);
      call.on('cancelled', () => this.#streams.delete(call));
      if (!this.#faults.has('sends only changes')) call.write(message());
    };
  }

  #unary<Req extends object>(answer: (request: Req) => Promise<object>) {
    const run = async (call: ServerUnaryCall<Req, object>): Promise<object> => {
      this.requests.push(JSON.stringify(call.request));
      const refusal = this.#refusalOf(call.metadata);
      if (refusal !== undefined) throw refused(refusal.code, refusal.details);
      return answer(call.request);
    };
    return (call: ServerUnaryCall<Req, object>, done: sendUnaryData<object>): void => {
      run(call).then(
        (message) => done(null, message),
        (error: unknown) => done(error as { code: status }),
      );
    };
  }
}

function refused(code: status, details: string): Error {
  return Object.assign(new Error(details), { code, details });
}

function struct(value: object): object {
  const wrap = (item: unknown): object => {
    if (typeof item === 'string') return { stringValue: item };
    if (typeof item === 'number') return { numberValue: item };
    return { listValue: { values: (item as unknown[]).map(wrap) } };
  };
  return { fields: Object.fromEntries(Object.entries(value).map(([name, item]) => [name, wrap(item)])) };
}
