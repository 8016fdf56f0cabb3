import { EventEmitter } from 'node:events';
import type { MethodDefinition } from '@grpc/grpc-js';
import { SpirlError } from './errors.js';
import { protoRoot } from './proto-root.js';

/** What @grpc/reflection keeps per version of the protocol: fully-qualified names to files. Private, so the version is pinned. */
type Indexes = Record<'v1' | 'v1Alpha', Record<'symbols' | 'services', Record<string, unknown>>>;

/** Answers one encoded request with an encoded response. */
type Answer = (request: Buffer) => Buffer;

/** A service as @grpc/reflection hands it to a server. */
interface OfferedService {
  readonly definition: Readonly<Record<string, MethodDefinition<object, object>>>;
  readonly handlers: Readonly<Record<string, (stream: EventEmitter) => void>>;
}

const METHOD = 'ServerReflectionInfo';
const PATHS = ['v1', 'v1alpha'].map((version) => `/grpc.reflection.${version}.ServerReflection/${METHOD}`);

/** Paths of gRPC server reflection, v1 and v1alpha, each with what answers an encoded request by an encoded response. */
export type ReflectionMethods = ReadonlyMap<string, (request: Buffer) => Promise<Buffer>>;

/**
 * Reflection of the services of `file` (relative to `proto/`). What it needs is loaded when somebody asks for the first time: few
 * programs do, and it would take a quarter of the start.
 */
export function reflectionOf(file: string): ReflectionMethods {
  let loaded: Promise<ReadonlyMap<string, Answer>> | undefined;
  const answer = (path: string) => async (request: Buffer) => {
    const found = (await (loaded ??= answersOf(file))).get(path);
    if (found === undefined) throw new Error(`no reflection at ${path}`);
    return found(request);
  };
  return new Map(PATHS.map((path) => [path, answer(path)]));
}

async function answersOf(file: string): Promise<ReadonlyMap<string, Answer>> {
  const [{ loadSync }, { ReflectionService }] = await Promise.all([
    import('@grpc/proto-loader'),
    import('@grpc/reflection'),
  ]);
  const service = new ReflectionService(loadSync(file, { includeDirs: [protoRoot()] }));
  const { v1, v1Alpha } = service as unknown as Indexes;
  // What has no package is indexed as `.Name`, but clients ask for `Name`, as the protocol says.
  for (const index of [v1.symbols, v1.services, v1Alpha.symbols, v1Alpha.services]) {
    for (const name of Object.keys(index).filter((key) => key.startsWith('.'))) {
      index[name.slice(1)] = index[name];
      Reflect.deleteProperty(index, name);
    }
  }
  const answers = new Map<string, Answer>();
  const collector = {
    addService: (definition: OfferedService['definition'], handlers: OfferedService['handlers']) => {
      const [method, handler] = [definition[METHOD], handlers[METHOD]];
      if (method !== undefined && handler !== undefined) answers.set(method.path, answerOf(method, handler));
    },
  };
  service.addToServer(collector);
  return answers;
}

/** The handler writes one response for each request, before it returns. */
function answerOf(method: MethodDefinition<object, object>, handler: (stream: EventEmitter) => void): Answer {
  return (request) => {
    let response: object = {};
    const stream = Object.assign(new EventEmitter(), { write: (message: object) => (response = message) });
    handler(stream);
    stream.emit('data', decoded(method, request));
    return method.responseSerialize(response);
  };
}

function decoded(method: MethodDefinition<object, object>, request: Buffer): object {
  try {
    return method.requestDeserialize(request);
  } catch (cause) {
    throw new SpirlError('INVALID_REQUEST', 'request: the bytes are no message of the expected type', { cause });
  }
}
