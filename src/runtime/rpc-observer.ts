import type { status } from './grpc-code.js';

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
