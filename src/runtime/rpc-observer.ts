import { ServerInterceptingCall, status, type ServerInterceptor } from '@grpc/grpc-js';
import type { Clock } from './clock.js';

export interface RpcLabels {
  /** Full service name, for example `SpiffeWorkloadAPI`. */
  readonly service: string;
  readonly method: string;
  readonly type: 'unary' | 'client_stream' | 'server_stream' | 'bidi_stream';
}

/** Told of each step of each call; the `grpc_server_*` metrics are made from it. */
export interface RpcObserver {
  started(rpc: RpcLabels): void;
  received(rpc: RpcLabels): void;
  sent(rpc: RpcLabels): void;
  handled(rpc: RpcLabels, code: status, seconds: number): void;
}

/** For whom nobody counts. */
export const UNOBSERVED: RpcObserver = { started: () => {}, received: () => {}, sent: () => {}, handled: () => {} };

/** A server interceptor that reports every call to `observer`. */
export function observeRpcs(observer: RpcObserver, clock: Clock): ServerInterceptor {
  const known = new Map<string, RpcLabels>();
  return (method, call) => {
    let rpc = known.get(method.path);
    if (rpc === undefined) {
      const [, service = '', name = ''] = method.path.split('/');
      const type = method.requestStream
        ? method.responseStream
          ? 'bidi_stream'
          : 'client_stream'
        : method.responseStream
          ? 'server_stream'
          : 'unary';
      rpc = { service, method: name, type };
      known.set(method.path, rpc);
    }
    const labels = rpc;
    const startedAt = clock.monotonic();
    let ended = false;
    const handled = (code: status): void => {
      if (ended) return;
      ended = true;
      observer.handled(labels, code, (clock.monotonic() - startedAt) / 1000);
    };
    observer.started(labels);
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMessage: (message, forward) => {
            observer.received(labels);
            forward(message);
          },
          onCancel: () => handled(status.CANCELLED),
        }),
      sendMessage: (message, forward) => {
        observer.sent(labels);
        forward(message);
      },
      sendStatus: (sent, forward) => {
        handled(sent.code);
        forward(sent);
      },
    });
  };
}
