import type { Server } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { protoRoot } from './load-proto.js';

/** What @grpc/reflection keeps per version of the protocol: fully-qualified names to files. Private, so the version is pinned. */
type Indexes = Record<'v1' | 'v1Alpha', Record<'symbols' | 'services', Record<string, unknown>>>;

/** Offers gRPC server reflection, v1 and v1alpha, for the services of `file` (relative to `proto/`). */
export function addReflectionOf(file: string, server: Server): void {
  const service = new ReflectionService(loadSync(file, { includeDirs: [protoRoot] }));
  const { v1, v1Alpha } = service as unknown as Indexes;
  // What has no package is indexed as `.Name`, but clients ask for `Name`, as the protocol says.
  for (const index of [v1.symbols, v1.services, v1Alpha.symbols, v1Alpha.services]) {
    for (const name of Object.keys(index).filter((key) => key.startsWith('.'))) {
      index[name.slice(1)] = index[name];
      Reflect.deleteProperty(index, name);
    }
  }
  service.addToServer(server);
}
