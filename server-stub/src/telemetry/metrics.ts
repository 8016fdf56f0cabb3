import type { status } from '@grpc/grpc-js';
import { collectDefaultMetrics, type Counter, type Gauge, type Histogram, type Registry } from 'prom-client';
import type { KeysetState } from 'spirl-agent/domain/keyset-state.js';
import { counterOf, gaugeOf, histogramOf, type MetricDefinition } from 'spirl-agent/runtime/metric-set.js';
import { countRpcs, RPC_METRICS, rpcMetricsOf, type RpcCounts } from 'spirl-agent/runtime/rpc-metrics.js';
import type { RpcLabels, RpcObserver } from 'spirl-agent/runtime/rpc-observer.js';

/** Every metric of the server, as the reference lists them. */
export const SERVER_METRICS = {
  mints: {
    type: 'counter',
    name: 'spirl_server_mint_svid_total',
    labels: ['svid_type', 'status_code'],
    help: 'SVIDs asked for, by outcome. Batched mints count one per SVID.',
  },
  mintSeconds: {
    type: 'histogram',
    name: 'spirl_server_mint_svid_duration_seconds',
    labels: ['svid_type', 'status_code'],
    help: 'How long an SVID took.',
    onlyWithLatency: true,
  },
  issuanceQueue: {
    type: 'gauge',
    name: 'spirl_server_issuance_queue_depth',
    labels: ['urgency'],
    help: 'SVIDs that wait to be issued: first ones of workloads (JWT-SVIDs too), and renewals.',
  },
  issuanceRefused: {
    type: 'counter',
    name: 'spirl_server_issuance_refused_total',
    labels: ['reason'],
    help: 'SVIDs that were not issued though nothing was wrong with them: busy (would have waited too long), late (did), agent_limit (one agent asks for too many), gone (the agent gave up).',
  },
  mintWorkers: {
    type: 'gauge',
    name: 'spirl_server_mint_workers',
    labels: [],
    help: 'Threads that mint beside the main one; 0 while that one can keep up, and where a key manager signs.',
  },
  mintWorkerFailures: {
    type: 'counter',
    name: 'spirl_server_mint_worker_failures_total',
    labels: [],
    help: 'Mint workers that died or hung. The main thread minted what they had in hand; no SVID was lost.',
  },
  agents: {
    type: 'gauge',
    name: 'spirl_server_connected_agents',
    labels: [],
    help: 'Agents whose bundle stream is open.',
  },
  keysets: {
    type: 'gauge',
    name: 'spirl_server_keysets',
    labels: ['state'],
    help: 'Keysets of the ring, by state (PREPARED, ACTIVE, TAINTED). Exactly one is ACTIVE.',
  },
  keysetExpiry: {
    type: 'gauge',
    name: 'spirl_server_keyset_expiration_timestamp_seconds',
    labels: ['keyset_id', 'state'],
    help: 'When a keyset ends, seconds since the epoch.',
  },
  keysetOperations: {
    type: 'counter',
    name: 'spirl_server_keyset_operations_total',
    labels: ['operation', 'outcome'],
    help: 'Steps of keysets asked for by operators and the schedule: prepared, activated, tainted, removed, retired, rewrapped; outcome is done, unchanged or failed.',
  },
  keyManagerCalls: {
    type: 'counter',
    name: 'spirl_server_key_manager_calls_total',
    labels: ['key_manager', 'operation', 'outcome'],
    help: 'Calls to key managers outside the server (awsKMS, azureKeyVault, pkcs11, webhook): create, list, find, sign, release; outcome is ok, throttled, unavailable, refused, cancelled, or rejected where nothing was asked.',
  },
  keyManagerSeconds: {
    type: 'histogram',
    name: 'spirl_server_key_manager_call_duration_seconds',
    labels: ['key_manager', 'operation'],
    help: 'How long the service took, waiting excluded.',
    onlyWithLatency: true,
  },
  keyManagerThrottled: {
    type: 'counter',
    name: 'spirl_server_key_manager_throttled_total',
    labels: ['key_manager'],
    help: 'Calls after which a service asked for fewer.',
  },
  keyManagerWrong: {
    type: 'counter',
    name: 'spirl_server_key_manager_wrong_signatures_total',
    labels: ['key_manager'],
    help: 'Signatures that their public key did not confirm; none of them left the server. More than 0 is an alarm.',
  },
  keyManagerQueue: {
    type: 'gauge',
    name: 'spirl_server_key_manager_queue_depth',
    labels: ['key_manager'],
    help: 'Signatures that wait for their turn.',
  },
  keyManagerInFlight: {
    type: 'gauge',
    name: 'spirl_server_key_manager_in_flight',
    labels: ['key_manager'],
    help: 'Signatures under way.',
  },
  keyManagerLimit: {
    type: 'gauge',
    name: 'spirl_server_key_manager_in_flight_limit',
    labels: ['key_manager'],
    help: 'Signatures that may be under way; less than usual while a service throttles.',
  },
  keyManagerOpen: {
    type: 'gauge',
    name: 'spirl_server_key_manager_circuit_open',
    labels: ['key_manager'],
    help: '1 while a service counts as down and is only probed.',
  },
  info: {
    type: 'gauge',
    name: 'spirl_application_info',
    labels: ['spirl_app_version'],
    help: 'Always 1; says what runs where.',
  },
  ...RPC_METRICS,
  rpcSeconds: { ...RPC_METRICS.rpcSeconds, onlyWithLatency: true },
} as const satisfies Record<string, MetricDefinition>;

/** What is the same for the life of the process. */
export interface ServerMetricsSettings {
  readonly version: string;
  readonly trustDomain: string;
  readonly deployment: string;
  /** `telemetry.collectors.grpc.emmitLatencyMetrics`: histograms of durations too. */
  readonly latency: boolean;
}

/** How it stands with a key manager outside the server. */
export interface KeyManagerLevel {
  readonly keyManager: string;
  readonly waiting: number;
  readonly inFlight: number;
  readonly limit: number;
  readonly circuit: 'closed' | 'open' | 'probing';
}

/** What the gauges show, looked up at each scrape. */
export interface ServerLevels {
  connectedAgents(): number;
  issuance(): { readonly first: number; readonly renewal: number; readonly workers: number };
  keyManagers(): readonly KeyManagerLevel[];
  /** `expiresAt` in milliseconds since the epoch. */
  keysets(): readonly { readonly id: string; readonly state: KeysetState; readonly expiresAt: number }[];
}

const STATES: readonly KeysetState[] = ['PREPARED', 'ACTIVE', 'TAINTED'];

/** The server's metrics on a registry of its own. */
export class ServerMetrics implements RpcObserver {
  readonly #registry: Registry;
  readonly #mints: Counter;
  /** Since the last scrape, by code: finding a series by its labels for each SVID would cost more than counting. */
  readonly #minted = { x509: new Map<string, number>(), jwt: new Map<string, number>() };
  readonly #mintSeconds: Histogram | undefined;
  readonly #issuanceRefused: Counter;
  readonly #mintWorkerFailures: Counter;
  readonly #keysetOperations: Counter;
  readonly #keyManagerCalls: Counter;
  readonly #keyManagerSeconds: Histogram | undefined;
  readonly #keyManagerThrottled: Counter;
  readonly #keyManagerWrong: Counter;
  readonly #rpcs: RpcCounts;
  readonly #readings: (() => void)[] = [];

  constructor(registry: Registry, { version, trustDomain, deployment, latency }: ServerMetricsSettings) {
    this.#registry = registry;
    registry.setDefaultLabels({
      spirl_component: 'server',
      spirl_trust_domain: trustDomain,
      spirl_trust_domain_deployment: deployment,
    });
    this.#mints = counterOf(SERVER_METRICS.mints, registry);
    this.#mintSeconds = latency ? histogramOf(SERVER_METRICS.mintSeconds, registry) : undefined;
    this.#issuanceRefused = counterOf(SERVER_METRICS.issuanceRefused, registry);
    this.#mintWorkerFailures = counterOf(SERVER_METRICS.mintWorkerFailures, registry);
    this.#keysetOperations = counterOf(SERVER_METRICS.keysetOperations, registry);
    this.#keyManagerCalls = counterOf(SERVER_METRICS.keyManagerCalls, registry);
    this.#keyManagerSeconds = latency ? histogramOf(SERVER_METRICS.keyManagerSeconds, registry) : undefined;
    this.#keyManagerThrottled = counterOf(SERVER_METRICS.keyManagerThrottled, registry);
    this.#keyManagerWrong = counterOf(SERVER_METRICS.keyManagerWrong, registry);
    this.#rpcs = countRpcs(rpcMetricsOf(registry, { seconds: latency }));
    gaugeOf(SERVER_METRICS.info, registry).set({ spirl_app_version: version }, 1);
    // A series that begins with its first event hides that event from rate().
    for (const svid_type of ['x509', 'jwt']) this.#mints.inc({ svid_type, status_code: 'OK' }, 0);
    for (const reason of ['busy', 'late', 'agent_limit', 'gone']) this.#issuanceRefused.inc({ reason }, 0);
    this.#mintWorkerFailures.inc(0);
  }

  /** From now on the gauges show these levels. To be called once. */
  watch(levels: ServerLevels): void {
    const agents = gaugeOf(SERVER_METRICS.agents, this.#registry);
    const keysets = gaugeOf(SERVER_METRICS.keysets, this.#registry);
    const expiry = gaugeOf(SERVER_METRICS.keysetExpiry, this.#registry);
    const queue = gaugeOf(SERVER_METRICS.issuanceQueue, this.#registry);
    const workers = gaugeOf(SERVER_METRICS.mintWorkers, this.#registry);
    this.#readings.push(
      () => agents.set(levels.connectedAgents()),
      () => {
        const issuance = levels.issuance();
        for (const urgency of ['first', 'renewal'] as const) queue.set({ urgency }, issuance[urgency]);
        workers.set(issuance.workers);
      },
      () => showKeysets(levels.keysets(), keysets, expiry),
    );
    this.#watchKeyManagers(() => levels.keyManagers());
  }
  /** `code` is Go's name of a gRPC status. */
  minted(svid_type: 'x509' | 'jwt', code: string, seconds: number): void {
    const counts = this.#minted[svid_type];
    counts.set(code, (counts.get(code) ?? 0) + 1);
    this.#mintSeconds?.observe({ svid_type, status_code: code }, seconds);
  }
  issuanceRefused(reason: string): void {
    this.#issuanceRefused.inc({ reason });
  }
  mintWorkerFailed(): void {
    this.#mintWorkerFailures.inc();
  }
  keysetChanged({ operation, outcome }: { readonly operation: string; readonly outcome: string }): void {
    this.#keysetOperations.inc({ operation: operation.toLowerCase(), outcome: outcome.toLowerCase() });
  }
  /** One attempt; `seconds` of the service alone. */
  keyServiceCalled(key_manager: string, operation: string, outcome: string, seconds: number): void {
    this.#keyManagerCalls.inc({ key_manager, operation, outcome });
    if (outcome === 'throttled') this.#keyManagerThrottled.inc({ key_manager });
    if (outcome !== 'rejected') this.#keyManagerSeconds?.observe({ key_manager, operation }, seconds);
  }
  signedWrongly(key_manager: string): void {
    this.#keyManagerWrong.inc({ key_manager });
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
  #watchKeyManagers(levels: ServerLevels['keyManagers']): void {
    const queue = gaugeOf(SERVER_METRICS.keyManagerQueue, this.#registry);
    const inFlight = gaugeOf(SERVER_METRICS.keyManagerInFlight, this.#registry);
    const limit = gaugeOf(SERVER_METRICS.keyManagerLimit, this.#registry);
    const open = gaugeOf(SERVER_METRICS.keyManagerOpen, this.#registry);
    this.#readings.push(() => {
      // One name may stand for several places: their numbers add up.
      for (const gauge of [queue, inFlight, limit, open]) gauge.reset();
      for (const level of levels()) {
        const key_manager = level.keyManager;
        queue.inc({ key_manager }, level.waiting);
        inFlight.inc({ key_manager }, level.inFlight);
        limit.inc({ key_manager }, level.limit);
        open.inc({ key_manager }, level.circuit === 'closed' ? 0 : 1);
      }
    });
  }
  /** What a scrape gets. */
  async page(): Promise<{ contentType: string; body: string }> {
    for (const read of this.#readings) read();
    this.#rpcs.flush();
    for (const svid_type of ['x509', 'jwt'] as const) {
      for (const [code, count] of this.#minted[svid_type]) this.#mints.inc({ svid_type, status_code: code }, count);
      this.#minted[svid_type].clear();
    }
    return { contentType: this.#registry.contentType, body: await this.#registry.metrics() };
  }
}

function showKeysets(ring: ReturnType<ServerLevels['keysets']>, keysets: Gauge, expiry: Gauge): void {
  for (const state of STATES) keysets.set({ state }, ring.filter((keyset) => keyset.state === state).length);
  // Keysets go, and their series with them.
  expiry.reset();
  for (const { id, state, expiresAt } of ring) expiry.set({ keyset_id: id, state }, expiresAt / 1000);
}

/** Adds the process's own metrics (`process_*`, `nodejs_*`): memory, CPU, descriptors, event loop, garbage collection. */
export function collectProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry });
}
