import { isAbsolute, join } from 'node:path';
import type { ServiceDefinition } from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import { protoRoot } from './proto-root.js';

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

/**
 * Loads `file` (relative to `proto/`) and returns the service `name` (with its package). As @grpc/proto-loader would, but without
 * the descriptors that it makes of every message; reflection, which shows them, loads it by itself.
 */
export function loadDefinition(file: string, name: string): ServiceDefinition {
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => (isAbsolute(target) ? target : join(protoRoot(), target));
  const service = root.loadSync(file).resolveAll().lookup(name, protobuf.Service);
  if (!(service instanceof protobuf.Service)) throw new Error(`${file} defines no service ${name}`);
  return Object.fromEntries(service.methodsArray.map((method) => [method.name, definitionOf(name, method)]));
}

function definitionOf(service: string, method: protobuf.Method): ServiceDefinition[string] {
  const { name, requestStream = false, responseStream = false, resolvedRequestType, resolvedResponseType } = method;
  if (resolvedRequestType === null || resolvedResponseType === null) throw new Error(`${name} is not resolved`);
  return {
    path: `/${service}/${name}`,
    ...{ requestStream, responseStream },
    requestSerialize: serializer(resolvedRequestType),
    requestDeserialize: deserializer(resolvedRequestType),
    responseSerialize: serializer(resolvedResponseType),
    responseDeserialize: deserializer(resolvedResponseType),
  };
}

function serializer(type: protobuf.Type): (message: object) => Buffer {
  return (message) => type.encode(type.fromObject(message)).finish() as Buffer;
}

function deserializer(type: protobuf.Type): (bytes: Buffer) => object {
  return (bytes) => type.toObject(type.decode(bytes), OPTIONS);
}
