import { framed } from '../runtime/grpc-frame.js';
import { reflectionOf } from '../runtime/grpc-reflection.js';
import type { RpcMethod } from '../runtime/rpc-method.js';

/** gRPC server reflection, v1 and v1alpha (WE 7), for the Workload API, by path. */
export function reflectionMethods(): readonly (readonly [string, RpcMethod])[] {
  return [...reflectionOf('spiffe/workload.proto')].map(([path, answer]) => [
    path,
    {
      type: 'bidi_stream',
      open: (call) => ({
        message: async (request) => {
          const frame = framed(await answer(request));
          // A client that asks on without reading answers must not make them pile up.
          await new Promise<void>((taken) => call.send(frame, taken));
        },
        halfClosed: () => call.end(),
        over: () => {},
      }),
    },
  ]);
}
