import type { Counter, Histogram, Registry } from 'prom-client';
import type { status } from './grpc-code.js';
import { statusName } from './grpc-status.js';
import { counterOf, histogramOf, type MetricDefinition } from './metric-set.js';
import type { RpcLabels, RpcObserver } from './rpc-observer.js';

/** Labels of the `grpc_server` family; what counts ends has `grpc_code` besides. */
export const RPC_LABELS = ['grpc_service', 'grpc_method', 'grpc_type'] as const;

/** The family of metrics that every gRPC server has, with the names that Go's has. */
export const RPC_METRICS = {
  rpcStarted: {
    type: 'counter',
    name: 'grpc_server_started_total',
    labels: RPC_LABELS,
    help: 'Calls begun.',
  },
  rpcHandled: {
    type: 'counter',
    name: 'grpc_server_handled_total',
    labels: [...RPC_LABELS, 'grpc_code'],
    help: 'Calls ended, by outcome. Everything but OK and Canceled is a failure.',
  },
  rpcReceived: {
    type: 'counter',
    name: 'grpc_server_msg_received_total',
    labels: RPC_LABELS,
    help: 'Messages received.',
  },
  rpcSent: {
    type: 'counter',
    name: 'grpc_server_msg_sent_total',
    labels: RPC_LABELS,
    help: 'Messages sent.',
  },
  rpcSeconds: {
    type: 'histogram',
    name: 'grpc_server_handling_seconds',
    labels: RPC_LABELS,
    help: 'How long calls took; a stream counts when it ends.',
  },
} as const satisfies Record<string, MetricDefinition>;

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

/** The family on a registry; durations are observed only where `seconds` says so. */
export function rpcMetricsOf(registry: Registry, { seconds }: { readonly seconds: boolean }): RpcMetrics {
  return {
    started: counterOf(RPC_METRICS.rpcStarted, registry),
    handled: counterOf(RPC_METRICS.rpcHandled, registry),
    received: counterOf(RPC_METRICS.rpcReceived, registry),
    sent: counterOf(RPC_METRICS.rpcSent, registry),
    seconds: seconds ? histogramOf(RPC_METRICS.rpcSeconds, registry) : undefined,
  };
}

/** Counts calls as servers in Go count theirs. */
export interface RpcCounts extends RpcObserver {
  /** Puts what was counted into the metrics; to be called before they are read. */
  flush(): void;
}

/** Events of one method since the last flush. */
interface Tally {
  readonly started: number;
  readonly received: number;
  readonly sent: number;
  readonly handled: Map<status, number>;
}

/** Adds up in plain numbers: finding a series by its labels, four times a call, would cost more than a call's own work. */
export function countRpcs(metrics: RpcMetrics): RpcCounts {
  const tallies = new Map<RpcLabels, { -readonly [field in keyof Tally]: Tally[field] }>();
  const tally = (rpc: RpcLabels) => {
    let found = tallies.get(rpc);
    if (found === undefined) {
      found = { started: 0, received: 0, sent: 0, handled: new Map() };
      tallies.set(rpc, found);
    }
    return found;
  };
  return {
    started: (rpc) => (tally(rpc).started += 1),
    received: (rpc) => (tally(rpc).received += 1),
    sent: (rpc) => (tally(rpc).sent += 1),
    handled: (rpc, code, took) => {
      const { handled } = tally(rpc);
      handled.set(code, (handled.get(code) ?? 0) + 1);
      metrics.seconds?.observe(labelsOf(rpc), took);
    },
    flush: () => {
      for (const [rpc, counted] of tallies) add(metrics, labelsOf(rpc), counted);
      tallies.clear();
    },
  };
}

type Labels = ReturnType<typeof labelsOf>;

function add(metrics: RpcMetrics, labels: Labels, counted: Tally): void {
  // What never happened has no series.
  if (counted.started > 0) metrics.started.inc(labels, counted.started);
  if (counted.received > 0) metrics.received.inc(labels, counted.received);
  if (counted.sent > 0) metrics.sent.inc(labels, counted.sent);
  for (const [code, count] of counted.handled) metrics.handled.inc({ ...labels, grpc_code: statusName(code) }, count);
}

function labelsOf({ service, method, type }: RpcLabels) {
  return { grpc_service: service, grpc_method: method, grpc_type: type };
}
