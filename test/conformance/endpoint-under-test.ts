import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import {
  Client,
  credentials,
  loadPackageDefinition,
  Metadata,
  status,
  type GrpcObject,
  type MethodDefinition,
  type ServiceClientConstructor,
  type ServiceDefinition,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { grpcTarget, parseEndpointSocket } from '../../src/runtime/endpoint-socket.js';
import { loadService } from '../../src/runtime/load-proto.js';

/** How a call ended. */
export interface CallEnd {
  readonly code: status;
  readonly details: string;
}

export type Headers = Readonly<Record<string, string>>;
export const PROPER_HEADER: Headers = { 'workload.spiffe.io': 'true' };

/** A call under way: messages as they come, then its end. */
export interface OpenStream<T> {
  /** The next message; `undefined` when the call has ended or `ms` are over. */
  next(ms: number): Promise<T | undefined>;
  /** Set once the call has ended. */
  readonly end: CallEnd | undefined;
  /** Resolves when the call has ended, or after `ms` with `undefined`. */
  ended(ms: number): Promise<CallEnd | undefined>;
  cancel(): void;
}

const SERVICE = '/SpiffeWorkloadAPI/';
/** How long a local endpoint may take before a clause counts as broken. */
export const ANSWER_MS = 60_000;

/** A raw client: any method, any metadata, any bytes. */
export class EndpointUnderTest {
  readonly uri: string;
  readonly #client: Client;
  readonly #definition: ServiceDefinition;
  readonly #open = new Set<{ cancel(): void }>();
  constructor(uri: string) {
    this.uri = uri;
    this.#client = new Client(grpcTarget(parseEndpointSocket(uri)), credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
    });
    this.#definition = loadService('spiffe/workload.proto', 'SpiffeWorkloadAPI').definition;
  }

  /** Another connection to the same endpoint. */
  reconnect(): EndpointUnderTest {
    return new EndpointUnderTest(this.uri);
  }

  close(): void {
    for (const call of this.#open) call.cancel();
    this.#client.close();
  }

  /** Opens a method of the Workload API as a stream, unary ones too: both send messages and an end. */
  open<T>(method: string, request: object | Buffer = {}, headers: Headers = PROPER_HEADER): OpenStream<T> {
    const definition = this.#definition[method] as MethodDefinition<object, T> | undefined;
    const metadata = new Metadata();
    for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
    const call = this.#client.makeServerStreamRequest<object, T>(
      SERVICE + method,
      (value) => (Buffer.isBuffer(value) ? value : (definition?.requestSerialize(value) ?? Buffer.alloc(0))),
      (bytes) => definition?.responseDeserialize(bytes) as T,
      request,
      metadata,
    );
    this.#open.add(call);
    return collect<T>(call);
  }

  /** The first message of a call, which is then cancelled. Throws when it ends without one. */
  async first<T>(method: string, request: object = {}): Promise<T> {
    const stream = this.open<T>(method, request);
    const message = await stream.next(ANSWER_MS);
    stream.cancel();
    if (message !== undefined) return message;
    throw new Error(`${method}: ${stream.end === undefined ? `no answer in ${ANSWER_MS} ms` : endText(stream.end)}`);
  }

  /** How a call ends that should be refused. Throws when it is answered instead. */
  async refusal(method: string, request: object | Buffer = {}, headers: Headers = PROPER_HEADER): Promise<CallEnd> {
    const stream = this.open(method, request, headers);
    const message = await stream.next(ANSWER_MS);
    stream.cancel();
    if (message !== undefined) throw new Error(`${method} was answered`);
    if (stream.end === undefined) throw new Error(`${method}: no answer in ${ANSWER_MS} ms`);
    return stream.end;
  }

  /** One question to the reflection service `grpc.reflection.<version>`. */
  reflect(version: 'v1' | 'v1alpha', question: object): OpenStream<ReflectionAnswer> {
    const service = reflectionService(version)['ServerReflectionInfo'] as MethodDefinition<object, ReflectionAnswer>;
    const call = this.#client.makeBidiStreamRequest<object, ReflectionAnswer>(
      service.path,
      service.requestSerialize,
      service.responseDeserialize,
      new Metadata(),
    );
    this.#open.add(call);
    call.write(question);
    return collect<ReflectionAnswer>(call);
  }
}

export interface ReflectionAnswer {
  readonly listServicesResponse?: { readonly service: readonly { readonly name: string }[] };
  readonly fileDescriptorResponse?: { readonly fileDescriptorProto: readonly Buffer[] };
}

function reflectionService(version: 'v1' | 'v1alpha'): ServiceDefinition {
  const main = createRequire(import.meta.url).resolve('@grpc/reflection');
  const file = join(dirname(main), `../proto/grpc/reflection/${version}/reflection.proto`);
  const root = loadPackageDefinition(loadSync(file, { bytes: Buffer }));
  const found = ['grpc', 'reflection', version, 'ServerReflection'].reduce<GrpcObject>(
    (at, part) => at[part] as GrpcObject,
    root,
  );
  return (found as unknown as ServiceClientConstructor).service;
}

interface AnyCall {
  on(event: string, listener: (...values: never[]) => void): unknown;
  cancel(): void;
}

function collect<T>(call: AnyCall): OpenStream<T> {
  const waiting: T[] = [];
  let end: CallEnd | undefined;
  let wake = (): void => {};
  let changed = new Promise<void>((resolve) => (wake = resolve));
  const notify = (): void => {
    wake();
    changed = new Promise<void>((resolve) => (wake = resolve));
  };
  call.on('data', (message: T) => {
    waiting.push(message);
    notify();
  });
  call.on('status', (final: CallEnd) => {
    end = { code: final.code, details: final.details };
    notify();
  });
  call.on('error', (_: ServiceError) => {});
  const until = async (ready: () => boolean, ms: number): Promise<void> => {
    const deadline = Date.now() + ms;
    while (!ready() && Date.now() < deadline) {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, deadline - Date.now())));
      await Promise.race([changed, late]);
      clearTimeout(timer);
    }
  };
  return {
    next: async (ms) => {
      await until(() => waiting.length > 0 || end !== undefined, ms);
      return waiting.shift();
    },
    get end() {
      return end;
    },
    ended: async (ms) => {
      await until(() => end !== undefined, ms);
      return end;
    },
    cancel: () => call.cancel(),
  };
}

export function endText({ code, details }: CallEnd): string {
  return `${status[code]}: ${details}`;
}
