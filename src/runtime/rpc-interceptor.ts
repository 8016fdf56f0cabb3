import { ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js';
import type { Clock } from './clock.js';
import { status } from './grpc-code.js';
import type { RpcLabels, RpcObserver } from './rpc-observer.js';

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
