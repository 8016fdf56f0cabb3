import type { status } from '@grpc/grpc-js';
import type { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { counterOf, gaugeOf, histogramOf, type MetricDefinition } from '../runtime/metric-set.js';
import { collectDefaultMetrics } from '../runtime/prom-client.js';
import { countRpcs, RPC_METRICS, rpcMetricsOf, type RpcCounts } from '../runtime/rpc-metrics.js';
import type { RpcLabels, RpcObserver } from '../runtime/rpc-observer.js';

/** Every metric of the agent, as the reference lists them. */
export const AGENT_METRICS = {
  mints: {
    type: 'counter',
    name: 'spirl_agent_mint_svid_total',
    labels: ['svid_type', 'status_code'],
    help: 'SVIDs asked of the server, by outcome. Batched mints count one per SVID.',
  },
  mintSeconds: {
    type: 'histogram',
    name: 'spirl_agent_mint_svid_duration_seconds',
    labels: ['svid_type', 'status_code'],
    help: 'How long an SVID took: key generation, the call to the server, reading its answer.',
  },
  expiring: {
    type: 'gauge',
    name: 'spirl_agent_svid_expiring',
    labels: ['svid_type'],
    help: 'SVIDs that are more than one minute past half of their life. Above 0: renewals are late.',
  },
  cached: {
    type: 'gauge',
    name: 'spirl_agent_svid_cached',
    labels: ['svid_type'],
    help: 'SVIDs held.',
  },
  taintPending: {
    type: 'gauge',
    name: 'spirl_agent_svid_taint_pending',
    labels: [],
    help: 'X.509-SVIDs of a tainted or removed keyset that are still to be renewed.',
  },
  connections: {
    type: 'gauge',
    name: 'spirl_agent_workload_connections',
    labels: [],
    help: 'Open connections on the workload socket.',
  },
  streams: {
    type: 'gauge',
    name: 'spirl_agent_workload_streams',
    labels: [],
    help: 'Open streams of workloads.',
  },
  refused: {
    type: 'counter',
    name: 'spirl_agent_workload_refused_total',
    labels: ['reason'],
    help: 'Callers refused: at a limit per user (connections, streams, attestations), or because nobody could say who they are (unidentified).',
  },
  attestations: {
    type: 'histogram',
    name: 'spirl_agent_attestation_duration_seconds',
    labels: ['attestor', 'outcome'],
    help: 'How long an attestor took for one caller; outcome is ok or failed.',
  },
  connected: {
    type: 'gauge',
    name: 'spirl_agent_server_connected',
    labels: [],
    help: '1 while the bundle stream to the server is open.',
  },
  info: {
    type: 'gauge',
    name: 'spirl_application_info',
    labels: ['spirl_app_version'],
    help: 'Always 1; says what runs where.',
  },
  ...RPC_METRICS,
} as const satisfies Record<string, MetricDefinition>;

/** Labels on every series. */
export const COMMON_LABELS = ['spirl_component', 'spirl_trust_domain', 'spirl_trust_domain_deployment'] as const;

/** Metrics whose value is looked up at each scrape. */
export type AgentLevel = 'cached' | 'taintPending' | 'connections' | 'streams' | 'connected';

type SvidType = 'x509' | 'jwt';

/** The agent's metrics on a registry of its own, so that several agents live in one process. */
export class AgentMetrics implements RpcObserver {
  readonly #registry: Registry;
  readonly #mints: Counter;
  readonly #mintSeconds: Histogram;
  readonly #expiring: Gauge;
  readonly #refused: Counter;
  readonly #attestations: Histogram;
  readonly #rpcs: RpcCounts;
  readonly #levels = new Map<AgentLevel, Gauge>();
  readonly #readings: (() => void)[] = [];

  constructor(registry: Registry, version: string) {
    this.#registry = registry;
    this.#mints = counterOf(AGENT_METRICS.mints, registry);
    this.#mintSeconds = histogramOf(AGENT_METRICS.mintSeconds, registry);
    this.#expiring = gaugeOf(AGENT_METRICS.expiring, registry);
    this.#refused = counterOf(AGENT_METRICS.refused, registry);
    this.#attestations = histogramOf(AGENT_METRICS.attestations, registry);
    this.#rpcs = countRpcs(rpcMetricsOf(registry, { seconds: true }));
    gaugeOf(AGENT_METRICS.info, registry).set({ spirl_app_version: version }, 1);
    for (const svid_type of ['x509', 'jwt']) {
      // A series that begins with its first event hides that event from rate().
      this.#mints.inc({ svid_type, status_code: 'OK' }, 0);
      this.#expiring.set({ svid_type }, 0);
    }
    this.identify('', '');
  }

  /** Puts the trust domain and its deployment on every series; both are known after the first login only. */
  identify(trustDomain: string, deployment: string): void {
    this.#registry.setDefaultLabels({
      spirl_component: 'agent',
      spirl_trust_domain: trustDomain,
      spirl_trust_domain_deployment: deployment,
    });
  }
  /** From now on `read` is asked at each scrape. Once per level, and per value of its label when it has one. */
  watch(level: AgentLevel, read: () => number, labels: Readonly<Record<string, string>> = {}): void {
    let gauge = this.#levels.get(level);
    if (gauge === undefined) {
      gauge = gaugeOf(AGENT_METRICS[level], this.#registry);
      this.#levels.set(level, gauge);
    }
    const watched = gauge;
    this.#readings.push(() => watched.set(labels, read()));
  }
  /** `code` is Go's name of a gRPC status. */
  minted(svid_type: SvidType, code: string, seconds: number): void {
    this.#mints.inc({ svid_type, status_code: code });
    this.#mintSeconds.observe({ svid_type, status_code: code }, seconds);
  }
  expiring(svid_type: SvidType, count: number): void {
    this.#expiring.set({ svid_type }, count);
  }
  workloadRefused(reason: 'connections' | 'streams' | 'attestations' | 'unidentified'): void {
    this.#refused.inc({ reason });
  }
  attested(attestor: string, outcome: 'ok' | 'failed', seconds: number): void {
    this.#attestations.observe({ attestor, outcome }, seconds);
  }
  started(rpc: RpcLabels): void {
    this.#rpcs.started(rpc);
  }
  received(rpc: RpcLabels): void {
    this.#rpcs.received(rpc);
  }
  sent(rpc: RpcLabels): void {
    this.#rpcs.sent(rpc);
  }
  handled(rpc: RpcLabels, code: status, seconds: number): void {
    this.#rpcs.handled(rpc, code, seconds);
  }
  /** What a scrape gets. */
  async page(): Promise<{ contentType: string; body: string }> {
    for (const read of this.#readings) read();
    this.#rpcs.flush();
    return { contentType: this.#registry.contentType, body: await this.#registry.metrics() };
  }
}

/** Adds the process's own metrics (`process_*`, `nodejs_*`): memory, CPU, descriptors, event loop, garbage collection. */
export function collectProcessMetrics(registry: Registry): Promise<void> {
  return collectDefaultMetrics(registry);
}
