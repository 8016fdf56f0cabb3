import type { Server } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { protoRoot } from '../runtime/load-proto.js';

/** Offers gRPC server reflection, v1 and v1alpha (WE 7), for the Workload API. */
export function addReflection(server: Server): void {
  new ReflectionService(loadSync('spiffe/workload.proto', { includeDirs: [protoRoot] })).addToServer(server);
}
