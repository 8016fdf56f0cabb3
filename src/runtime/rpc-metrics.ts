import type { status } from '@grpc/grpc-js';
import type { Counter, Histogram } from 'prom-client';
import { statusName } from './grpc-status.js';
import type { RpcLabels, RpcObserver } from './rpc-observer.js';

/** Labels of the `grpc_server` family; what counts ends has `grpc_code` besides. */
export const RPC_LABELS = ['grpc_service', 'grpc_method', 'grpc_type'] as const;

/** The metrics that a server's calls are counted in. */
export interface RpcMetrics {
  readonly started: Counter;
  /** Labelled `grpc_code` too. */
  readonly handled: Counter;
  readonly received: Counter;
  readonly sent: Counter;
  /** Absent: durations are not observed. */
  readonly seconds: Histogram | undefined;
}

/** Counts calls as servers in Go count theirs. */
export function countRpcs({ started, handled, received, sent, seconds }: RpcMetrics): RpcObserver {
  return {
    started: (rpc) => started.inc(labelsOf(rpc)),
    received: (rpc) => received.inc(labelsOf(rpc)),
    sent: (rpc) => sent.inc(labelsOf(rpc)),
    handled: (rpc, code: status, took) => {
      handled.inc({ ...labelsOf(rpc), grpc_code: statusName(code) });
      seconds?.observe(labelsOf(rpc), took);
    },
  };
}

function labelsOf({ service, method, type }: RpcLabels) {
  return { grpc_service: service, grpc_method: method, grpc_type: type };
}
