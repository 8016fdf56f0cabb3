import { hostname } from 'node:os';
import { createAccountNames } from './attestation/account-files.js';
import { createWorkloadAttestation } from './attestation/attest-workload.js';
import { createAttestationSection } from './attestation/attestation-section.js';
import { createLinuxAttestor } from './attestation/linux-attestor.js';
import type { AgentConfig } from './config/agent-config.js';
import { createRedaction } from './identity/redaction.js';
import { openIssuerClient, type IssuerClient } from './issuer-client/issuer-client.js';
import { clusterKeyEvidence } from './issuer-client/node-evidence.js';
import type { KeysetState } from './domain/keyset-state.js';
import type { Clock } from './runtime/clock.js';
import { openHttpEndpoint, type Readiness } from './runtime/http-endpoint.js';
import type { Logger } from './runtime/logger.js';
import { Registry } from './runtime/prom-client.js';
import { runReadyChecker } from './runtime/ready-checker.js';
import { runTasks } from './runtime/task-group.js';
import { RENEWALS_PER_SECOND } from './svid/renewal-gate.js';
import { createSvidRoom, SVID_DEFAULTS, type SvidRoom } from './svid/svid-room.js';
import { AgentMetrics, collectProcessMetrics } from './telemetry/metrics.js';
import type { WorkloadApiSources } from './workload-api/pipeline.js';
import { createWorkloadApi, type WorkloadApi } from './workload-api/workload-api.js';

/** Asking what a changed policy means is cheap and nothing is signed for it; what is then issued anew goes through the gate. */
const POLICY_DELAY_MAX_MS = 50;
const ACCOUNT_FILES = { passwd: '/etc/passwd', group: '/etc/group' };
const SPECIFIED_TAINT_DELAY_MS = 60_000;

export interface AgentParts {
  readonly clock: Clock;
  /** Called `agent`. */
  readonly logger: Logger;
  /** 0 up to but not including 1. */
  readonly random: () => number;
  readonly version: string;
}

/** The node agent: puts its rooms together and runs them until `signal` aborts. Throws when one of them fails. */
export async function runAgent(config: AgentConfig, parts: AgentParts, signal: AbortSignal): Promise<void> {
  const { clock, logger, random, version } = parts;
  const { agent, metricsAPI, telemetry, lab } = config;
  const { endpoint } = agent.endpoint;
  if (lab.taintDelayMax < SPECIFIED_TAINT_DELAY_MS) {
    logger.warn('lab.taintDelayMax is set: taint renewals are spread over less than 60 s', { max: lab.taintDelayMax });
  }
  if (lab.renewalsPerSecond !== RENEWALS_PER_SECOND) {
    logger.warn('lab.renewalsPerSecond is set: renewals do not go at the rate of 20 per second', {
      perSecond: lab.renewalsPerSecond,
    });
  }
  const registry = new Registry();
  const metrics = new AgentMetrics(registry, version);
  const onUnexpected = (error: unknown): void => logger.error('Unexpected error', { error });

  const server = await openIssuerClient({
    address: `${endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host}:${endpoint.port}`,
    ...(agent.endpoint.serverName !== undefined && { serverName: agent.endpoint.serverName }),
    clusterId: agent.auth.clusterId,
    bootstrapFile: agent.auth.bootstrapFile,
    stateDir: agent.stateDir,
    evidence: clusterKeyEvidence(agent.auth),
    keySource: agent.svid.keySource,
    agentVersion: version,
    nodeName: hostname(),
    ...{ metrics, clock, random, logger: logger.named('sessionClient') },
  });
  const svids = createSvidRoom(
    {
      trust: server.trust,
      x509Issuer: server.issuer,
      jwtIssuer: server.issuer,
      resolver: server.issuer,
      server,
      ...{ metrics, clock, random, log: logger },
      agentId: () => server.agentId() ?? 'not logged in yet',
    },
    {
      ...SVID_DEFAULTS,
      taintDelayMaxMs: lab.taintDelayMax,
      renewalsPerSecond: lab.renewalsPerSecond,
      policyDelayMaxMs: POLICY_DELAY_MAX_MS,
      sharing: agent.svid.sharing,
      maxIdentities: agent.svid.cacheSize,
      maxJwtSvids: agent.jwt.cacheSize,
      maxJwtSvidsPerUid: agent.jwt.audiencesPerUid,
    },
  );
  const workloadApi = createWorkloadApi({
    socketPath: agent.socketPath,
    sources: {
      callerAttributes: callerAttributes(config, parts, metrics, server),
      x509Contexts: svids.x509,
      jwtSvids: svids.jwt,
      bundles: svids.bundles.latest,
      entitlement: svids.entitlement,
    },
    ...{ clock, logger, onUnexpected, metrics, limits: agent.limits },
    observer: metrics,
  });

  watchLevels(metrics, server, svids, workloadApi);
  const http = await openHttpEndpoint(metricsAPI, {
    readiness: () => readiness(server),
    ...(telemetry.enabled && { metrics: pageOf(metrics, registry) }),
    onUnexpected,
  });
  logger.info('Serving metrics and health', { url: http.url });
  server.trust.subscribe(({ bundles, deployments }) => {
    metrics.identify(bundles[0]?.trustDomain ?? '', deployments[0]?.deploymentId ?? '');
  }, signal);

  const rooms = [server, svids, workloadApi, http].map((part) => (stop: AbortSignal) => part.run(stop));
  const ready = (stop: AbortSignal): Promise<void> =>
    runReadyChecker(() => readiness(server), logger.named('readyChecker'), clock, stop);
  await runTasks([...rooms, ready], signal);
}

/** Who the caller is, as far as it may leave the node. */
function callerAttributes(
  config: AgentConfig,
  { clock, logger }: AgentParts,
  metrics: AgentMetrics,
  server: IssuerClient,
): WorkloadApiSources['callerAttributes'] {
  const log = logger.named('attestation');
  const section = (name: string) => (): unknown => server.trust.value.sections[name];
  const spec = createAttestationSection(section('WorkloadAttestation'), log);
  const attestation = createWorkloadAttestation({
    attestors: [createLinuxAttestor(() => spec().linux, createAccountNames(ACCOUNT_FILES, log), log)],
    timeoutMs: config.agent.attestation.timeout,
    ...{ clock, logger: log, metrics },
  });
  const redaction = createRedaction(section('AttributeRedaction'), log);
  return async (process, signal) => redaction.redact(await attestation.attest(process, signal));
}

function watchLevels(metrics: AgentMetrics, server: IssuerClient, svids: SvidRoom, workloadApi: WorkloadApi): void {
  const held = (counts: (state: KeysetState | undefined) => boolean): number => {
    const states = new Map(server.trust.value.deployments.flatMap(({ keysets }) => Object.entries(keysets)));
    const perKeyset = Object.entries(svids.x509.svidsPerKeyset());
    return perKeyset.reduce((sum, [id, count]) => sum + (counts(states.get(id)) ? count : 0), 0);
  };
  metrics.watch('cached', () => held(() => true), { svid_type: 'x509' });
  metrics.watch('cached', () => svids.jwt.size, { svid_type: 'jwt' });
  metrics.watch('taintPending', () => held((state) => state === undefined || state === 'TAINTED'));
  metrics.watch('connections', () => workloadApi.connections);
  metrics.watch('streams', () => workloadApi.openCalls);
  metrics.watch('connected', () => (server.status().connected ? 1 : 0));
}

/** The process's own metrics come with the first scrape: loading them would be a tenth of the start. */
function pageOf(metrics: AgentMetrics, registry: Registry): () => ReturnType<AgentMetrics['page']> {
  let whole: Promise<void> | undefined;
  return async () => {
    await (whole ??= collectProcessMetrics(registry));
    return metrics.page();
  };
}

/** Without any bundle nothing can be served; without the server only what is there already. */
function readiness(server: IssuerClient): Readiness {
  const { connected, reason } = server.status();
  if (connected) return { status: 'ready', reasons: [] };
  const reasons = [`the trust-domain server is away: ${reason ?? 'not connected'}`];
  return { status: server.trust.value.bundles.length > 0 ? 'degraded' : 'unready', reasons };
}
