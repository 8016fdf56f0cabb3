import { credentials, Metadata, status, type ClientReadableStream, type ServiceError } from '@grpc/grpc-js';
import { endpointUri, grpcTarget, type EndpointSocket } from './endpoint-socket.js';
import { SpirlError, type ErrorCode } from './errors.js';
import { loadService } from './load-proto.js';

/** Message `X509SVID`: certificates are concatenated DER, the key is PKCS#8 DER. */
export interface X509SvidMessage {
  readonly spiffeId: string;
  readonly x509Svid: Buffer;
  readonly x509SvidKey: Buffer;
  readonly bundle: Buffer;
  readonly hint: string;
}
export interface X509SvidResponse {
  readonly svids: readonly X509SvidMessage[];
  readonly crl: readonly Buffer[];
  /** Trust-domain SPIFFE ID to concatenated DER. */
  readonly federatedBundles: Readonly<Record<string, Buffer>>;
}
/** X.509: concatenated DER; JWT: a JWKS document. By trust-domain SPIFFE ID. */
export interface BundlesResponse {
  readonly bundles: Readonly<Record<string, Buffer>>;
}
export interface JwtSvidMessage {
  readonly spiffeId: string;
  readonly svid: string;
  readonly hint: string;
}
export interface ValidateResponse {
  readonly spiffeId: string;
  readonly claims: Readonly<Record<string, unknown>>;
}

/** Bundles of many trust domains fit; a hostile endpoint cannot fill the memory. */
const MAX_MESSAGE_BYTES = 32 * 1024 * 1024;

/** What grpc-js answers with, and what a caller of this client gets. Codes that are not here are nobody's expectation. */
const ERROR_CODES: Partial<Record<status, ErrorCode>> = {
  [status.INVALID_ARGUMENT]: 'INVALID_REQUEST',
  [status.PERMISSION_DENIED]: 'NO_IDENTITY_ISSUED',
  [status.UNAUTHENTICATED]: 'UNAUTHENTICATED',
  [status.RESOURCE_EXHAUSTED]: 'LIMIT_REACHED',
  [status.DEADLINE_EXCEEDED]: 'DEADLINE_EXCEEDED',
  [status.UNIMPLEMENTED]: 'UNIMPLEMENTED',
};

type Call = { cancel(): void };
type UnaryMethod = (request: object, metadata: Metadata, done: (error: unknown, answer: unknown) => void) => Call;
type StreamMethod = (request: object, metadata: Metadata) => ClientReadableStream<unknown>;

/** A Workload API client: one method per RPC, one connection. Failures are SpirlErrors with the endpoint's own sentence. */
export class WorkloadClient {
  readonly #client;
  readonly #uri: string;
  constructor(endpoint: EndpointSocket) {
    this.#uri = endpointUri(endpoint);
    const { client } = loadService('spiffe/workload.proto', 'SpiffeWorkloadAPI');
    this.#client = new client(grpcTarget(endpoint), credentials.createInsecure(), {
      'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
      // Two clients of one process must not share a connection: each is a caller of its own.
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_http_proxy': 0,
    });
  }

  /** Ends when the server ends the stream; throws when it fails or when `signal` aborts. */
  x509Svids(signal: AbortSignal): AsyncIterable<X509SvidResponse> {
    return this.#stream<X509SvidResponse>('FetchX509SVID', signal);
  }
  x509Bundles(signal: AbortSignal): AsyncIterable<BundlesResponse> {
    return this.#stream<BundlesResponse>('FetchX509Bundles', signal);
  }
  jwtBundles(signal: AbortSignal): AsyncIterable<BundlesResponse> {
    return this.#stream<BundlesResponse>('FetchJWTBundles', signal);
  }
  /** `spiffeId` empty: all identities of the caller. */
  async jwtSvids(
    request: { audience: readonly string[]; spiffeId: string },
    signal: AbortSignal,
  ): Promise<readonly JwtSvidMessage[]> {
    return (await this.#unary<{ svids: readonly JwtSvidMessage[] }>('FetchJWTSVID', request, signal)).svids;
  }
  async validateJwtSvid(request: { audience: string; svid: string }, signal: AbortSignal): Promise<ValidateResponse> {
    const answer = await this.#unary<{ spiffeId: string; claims: unknown }>('ValidateJWTSVID', request, signal);
    return { spiffeId: answer.spiffeId, claims: plainStruct(answer.claims) };
  }
  close(): void {
    this.#client.close();
  }

  #unary<T>(name: string, request: object, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    const method = this.#client[name] as unknown as UnaryMethod;
    return new Promise<T>((resolve, reject) => {
      const call = method.call(this.#client, request, header(), (error, answer) => {
        signal.removeEventListener('abort', cancel);
        if (error === null) resolve(answer as T);
        else reject(this.#failure(error, signal));
      });
      const cancel = (): void => call.cancel();
      signal.addEventListener('abort', cancel, { once: true });
    });
  }

  #failure(error: unknown, signal: AbortSignal): unknown {
    if (signal.aborted) return signal.reason;
    const { code, details } = error as Partial<ServiceError>;
    if (code === undefined) return error;
    const sentence = code === status.UNAVAILABLE ? connectionProblem(this.#uri, details ?? '') : (details ?? '');
    return new SpirlError(ERROR_CODES[code] ?? 'UNAVAILABLE', sentence || status[code], { cause: error });
  }

  async *#stream<T>(name: string, signal: AbortSignal): AsyncGenerator<T> {
    signal.throwIfAborted();
    const method = this.#client[name] as unknown as StreamMethod;
    const call = method.call(this.#client, {}, header());
    const cancel = (): void => call.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      for await (const message of call) yield message as T;
    } catch (error) {
      throw this.#failure(error, signal);
    } finally {
      signal.removeEventListener('abort', cancel);
      // A cancelled call still reports CANCELLED, to nobody.
      call.on('error', () => {});
      call.cancel();
    }
  }
}

/** The first message of a stream; the stream is closed. Throws UNAVAILABLE when it ends without one. */
export async function firstOf<T>(stream: AsyncIterable<T>): Promise<T> {
  for await (const message of stream) return message;
  throw new SpirlError('UNAVAILABLE', 'the endpoint ended the stream without an answer');
}

function header(): Metadata {
  const metadata = new Metadata();
  metadata.set('workload.spiffe.io', 'true');
  return metadata;
}

/** grpc-js tells why it could not connect in words of its own; these are for people. */
function connectionProblem(uri: string, details: string): string {
  const problems: Record<string, string> = {
    ENOENT: `there is no socket at ${uri}: is the agent running?`,
    ECONNREFUSED: `nobody answers at ${uri}: is the agent running?`,
    EACCES: `this user may not connect to ${uri}`,
    EAGAIN: `the agent at ${uri} is overloaded`,
  };
  return problems[/connect ([A-Z]+)/.exec(details)?.[1] ?? ''] ?? details;
}

/** A `google.protobuf.Value` as proto-loader shows it. */
interface ValueMessage {
  readonly kind?: string;
  readonly stringValue?: string;
  readonly numberValue?: number;
  readonly boolValue?: boolean;
  readonly structValue?: unknown;
  readonly listValue?: { readonly values: readonly ValueMessage[] };
}

function plainStruct(struct: unknown): Record<string, unknown> {
  const fields = (struct as { fields?: Record<string, ValueMessage> } | null)?.fields ?? {};
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, plainValue(value)]));
}

function plainValue(value: ValueMessage): unknown {
  switch (value.kind) {
    case 'stringValue':
      return value.stringValue;
    case 'numberValue':
      return value.numberValue;
    case 'boolValue':
      return value.boolValue;
    case 'structValue':
      return plainStruct(value.structValue);
    case 'listValue':
      return value.listValue?.values.map(plainValue) ?? [];
    default:
      return null;
  }
}
