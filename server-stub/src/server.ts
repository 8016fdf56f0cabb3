import { hostname } from 'node:os';
import { Registry } from 'prom-client';
import { DeclaredFiles } from 'spirl-agent/runtime/declared-files.js';
import { openHttpEndpoint } from 'spirl-agent/runtime/http-endpoint.js';
import { observeRpcs } from 'spirl-agent/runtime/rpc-observer.js';
import { runTasks } from 'spirl-agent/runtime/task-group.js';
import { untilAvailable } from 'spirl-agent/runtime/until-available.js';
import { openAdminApi } from './admin-api.js';
import { openAgentApi } from './agent-api.js';
import { createAcmPca } from './cloud/aws/acm-pca.js';
import { createClusterPolicies, type PolicyDefaults } from './cluster-views.js';
import { ClusterRegistry } from './clusters/cluster-registry.js';
import { ManagedConfig } from './config/managed-config.js';
import { deploymentSection } from './config/managed-config-state.js';
import { sectionTypes } from './config/managed-section-types.js';
import type { ServerConfig } from './config/server-config.js';
import { readStartSections } from './config/start-sections.js';
import { openCustody, type Custody } from './custody.js';
import { createKeyManagers, keyManagerSection } from './key-services.js';
import type { KeysetParts } from './keyset/keyset-parts.js';
import { KeysetService } from './keyset/keyset-service.js';
import { openKeysets } from './keyset/open-keysets.js';
import { DEFAULT_ROTATION_POLICY } from './keyset/rotation-policy.js';
import { ConnectedAgents } from './api/bundle-sync-agents.js';
import { policyProblems } from './policy/compile-policy.js';
import { keepFilesCurrent, publishFiles } from './published-files.js';
import { createRewrap } from './rewrap.js';
import type { ServerParts } from './server-parts.js';
import { SessionCa } from './session-ca/session-ca.js';
import { createOcsfAudit, silentAudit, type Audit } from './telemetry/audit.js';
import { collectProcessMetrics, ServerMetrics } from './telemetry/metrics.js';
import { createTrustSnapshots } from './trust-snapshots.js';
import { logCaCertificates } from './upstream-authority/ca-in-use.js';
import { createConfiguredUpstream } from './upstream-authority/upstream-authorities.js';
import { UPSTREAM_SECTION_SCHEMA } from './upstream-authority/upstream-schemas.js';
import { upstreamSectionProblems } from './upstream-authority/upstream-section.js';

/** Where a server that has started can be reached. */
export interface Serving {
  readonly agentPort: number;
  readonly metricsUrl: string;
}

/** The trust-domain server: puts its rooms together and runs them until `signal` aborts. Throws when one of them fails. */
export async function runServer(
  config: ServerConfig,
  parts: ServerParts,
  signal: AbortSignal,
  started: (serving: Serving) => void = () => {},
): Promise<void> {
  const { logger } = parts;
  if (config.labTtl) logger.warn('labTtl is set: lifetimes down to 10 s are allowed; not for production');
  const custody = await openCustody(config, parts, signal);
  try {
    await serve(config, parts, custody, signal, started);
  } finally {
    await custody.store.close();
  }
}

async function serve(
  config: ServerConfig,
  parts: ServerParts,
  custody: Custody,
  signal: AbortSignal,
  started: (serving: Serving) => void,
): Promise<void> {
  const { clock, logger } = parts;
  const { store, sealer, identity } = custody;
  const { trustDomain, deploymentId } = identity;
  const registry = new Registry();
  const metrics = new ServerMetrics(registry, {
    version: parts.version,
    trustDomain: trustDomain.name,
    deployment: identity.deploymentName,
    latency: config.telemetry.collectors.grpc.emmitLatencyMetrics,
  });
  const audit = createAudit(config, parts, custody);
  const onUnexpected = (error: unknown): void => logger.error('Unexpected error', { error });

  // What is stored, verified.
  const sessionCaParts = { store, sealer, clock, logger: logger.named('sessionCa'), trustDomain: trustDomain.name };
  const patience = { clock, logger, limitMs: config.startup.keyServiceTimeout };
  const sessionCa = await untilAvailable(
    (inTime) => SessionCa.open({ ...sessionCaParts, deploymentId }, inTime),
    patience,
    signal,
  );
  const clusters = await ClusterRegistry.open({ ...{ store, clock, logger }, trustDomain: trustDomain.name });
  const defaults: PolicyDefaults = {
    x509TtlMs: config.svid.x509TTL,
    jwtTtlMs: config.svid.jwtTTL,
    ttlFloor: config.labTtl ? 'lab' : 'production',
  };
  const checkPolicy = (spec: unknown, at: string) => policyProblems(spec, { ...defaults, platform: 'linux' }, at);
  const files = new DeclaredFiles(config.extensions.secretDirectories);
  const declared = { files, webhookHosts: config.extensions.webhookHosts };
  const acmPca = createAcmPca({ clock, endpoints: config.aws.endpoints, sessionName: 'spirl-server' });
  const types = sectionTypes(checkPolicy, {
    keyManager: keyManagerSection(config),
    upstreamAuthority: {
      schema: UPSTREAM_SECTION_SCHEMA,
      problems: (spec, at) => upstreamSectionProblems(spec, at, declared),
    },
  });
  const startSections = readStartSections(config.managedConfig, deploymentId, types);
  const managed = await ManagedConfig.open({ store, clock, types });
  const deploymentSpec = (name: string): unknown =>
    (deploymentSection(managed.state.value, deploymentId, name) ?? startSections.get(name))?.spec;

  // What signs.
  const keyManagers = createKeyManagers(config, custody, {
    ...{ clock, metrics },
    logger: logger.named('keyManagers'),
    environment: parts.environment ?? (() => undefined),
    spec: () => deploymentSpec('KeyManager'),
  });
  const keysetParts: KeysetParts = {
    ...{ store, sealer, clock, trustDomain, deploymentId, keyManagers },
    upstream: createConfiguredUpstream({ clock, ...declared, acmPca }, () => deploymentSpec('UpstreamAuthority')),
    audit: {
      keysetChanged: (event) => {
        metrics.keysetChanged(event);
        audit.keysetChanged(event);
      },
    },
    logger: logger.named('keysets'),
    holder: hostname(),
    policy: {
      ...DEFAULT_ROTATION_POLICY,
      keysetLifetimeMs: config.keyset.lifetime,
      prepareBeforeExpiryMs: config.keyset.preparationThreshold,
      minPreparedAgeMs: config.keyset.activationThreshold,
    },
  };
  const opened = await openKeysets(keysetParts, signal, config.startup.keyServiceTimeout);
  const agents = new ConnectedAgents(clock);
  const keysets = new KeysetService(keysetParts, opened, agents);
  logCaCertificates(keysets.state, logger.named('upstreamAuthority'), signal);
  const trust = createTrustSnapshots(keysets.state, sessionCa.state, identity, signal);
  await publishFiles(config, trust.value);

  // Who is served.
  const policies = createClusterPolicies(clusters, managed.state, defaults);
  const shared = { ...{ config, parts, identity, clusters, managed, keysets, agents, trust }, onUnexpected };
  const interceptors = [observeRpcs(metrics, clock)];
  const agentApi = await openAgentApi({
    ...shared,
    ...{ sessionCa, policies, defaults, metrics, audit, interceptors },
  });
  const rewrap = createRewrap(keysets, [sessionCa], custody, logger.named('keyWrapping'));
  const adminApi = await openAdminApi({ ...shared, rewrap, interceptors });
  metrics.watch({
    connectedAgents: () => agents.list().size,
    keysets: () => keysets.state.value.ring.keysets,
    keyManagers: () => keyManagers.levels(),
  });
  if (config.telemetry.enabled) collectProcessMetrics(registry);
  const http = await openHttpEndpoint(config.metricsAPI, {
    readiness: () => ({ status: 'ready', reasons: [] }),
    ...(config.telemetry.enabled && { metrics: () => metrics.page() }),
    onUnexpected,
  });
  logger.info('Serving metrics and health', { url: http.url });
  started({ agentPort: agentApi.port, metricsUrl: `${http.url}/metrics` });

  const rooms = [sessionCa, clusters, keysets, agentApi, adminApi, http].map(
    (room) => (stop: AbortSignal) => room.run(stop),
  );
  const published = (stop: AbortSignal) => keepFilesCurrent(config, trust, { clock, logger }, stop);
  await runTasks([...rooms, published], signal);
}

function createAudit(
  { ocsf }: ServerConfig,
  { clock, version, writeAudit }: ServerParts,
  { identity }: Custody,
): Audit {
  if (!ocsf.enabled) return silentAudit;
  const { trustDomainId, deploymentId: trustDomainDeploymentId } = identity;
  return createOcsfAudit({ ...ocsf, version, trustDomainId, trustDomainDeploymentId }, clock, writeAudit);
}
