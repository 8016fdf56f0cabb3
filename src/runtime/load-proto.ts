import { fileURLToPath } from 'node:url';
import {
  loadPackageDefinition,
  type GrpcObject,
  type ServiceClientConstructor,
  type ServiceDefinition,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

/** Messages as plain objects: snake_case becomes camelCase, 64-bit integers are numbers, absent fields have their defaults. */
const OPTIONS = {
  longs: Number,
  enums: String,
  bytes: Buffer,
  defaults: true,
  arrays: true,
  objects: true,
  oneofs: true,
} as const;

/** `build/src/runtime` and the sources' `src/runtime` are found from the package's own root. */
const PROTO_ROOT = fileURLToPath(new URL('../../../proto', import.meta.url));

/** Loads `file` (relative to `proto/`) and returns the service `name` (with its package) as client class and definition. */
export function loadService(
  file: string,
  name: string,
): { client: ServiceClientConstructor; definition: ServiceDefinition } {
  const root = loadPackageDefinition(loadSync(file, { ...OPTIONS, includeDirs: [PROTO_ROOT] }));
  const found = name
    .split('.')
    .reduce<GrpcObject | undefined>((at, part) => at?.[part] as GrpcObject | undefined, root);
  if (found === undefined) throw new Error(`${file} defines no service ${name}`);
  const client = found as unknown as ServiceClientConstructor;
  return { client, definition: client.service };
}

/** Where the published `.proto` files lie. */
export const protoRoot = PROTO_ROOT;
