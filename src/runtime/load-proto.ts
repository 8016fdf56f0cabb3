import { makeClientConstructor, type ServiceClientConstructor, type ServiceDefinition } from '@grpc/grpc-js';
import { loadDefinition } from './service-definition.js';

/** The service `name` of `file` as `loadDefinition` finds it, and a grpc-js client for it. */
export function loadService(
  file: string,
  name: string,
): { client: ServiceClientConstructor; definition: ServiceDefinition } {
  const definition = loadDefinition(file, name);
  return { client: makeClientConstructor(definition, name.slice(name.lastIndexOf('.') + 1)), definition };
}
