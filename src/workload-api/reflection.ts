import type { Server } from '@grpc/grpc-js';
import type { OnUnexpected } from '../runtime/grpc-adapter.js';
import { addReflectionOf } from '../runtime/grpc-reflection.js';

/** Offers gRPC server reflection, v1 and v1alpha (WE 7), for the Workload API. */
export function addReflection(server: Server, onUnexpected: OnUnexpected): void {
  addReflectionOf('spiffe/workload.proto', server, onUnexpected);
}
