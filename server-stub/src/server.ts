import { runTasks } from 'spirl-agent/runtime/task-group.js';
import { untilAvailable } from 'spirl-agent/runtime/until-available.js';
import { WaitingTime } from 'spirl-agent/runtime/waiting-time.js';
import { openAdminApi } from './admin-api.js';
import { openAgentApi } from './agent-api.js';
import { ClusterRegistry } from './clusters/cluster-registry.js';
import { createClusterPolicies } from './cluster-views.js';
import type { ServerConfig } from './config/server-config.js';
import { openConfiguration } from './configuration.js';
import { openCustody, type Custody } from './custody.js';
import { createObservation } from './observation.js';
import { keepFilesCurrent, publishFiles } from './published-files.js';
import { createRewrap } from './rewrap.js';
import type { ServerParts } from './server-parts.js';
import { SessionCa } from './session-ca/session-ca.js';
import { openSigning } from './signing.js';
import { createTrustSnapshots } from './trust-snapshots.js';
import { logCaCertificates } from './upstream-authority/ca-in-use.js';

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
  const waiting = new WaitingTime(config.startup.keyServiceTimeout);
  const custody = await openCustody(config, { ...parts, waiting }, signal);
  try {
    await serve(config, parts, custody, waiting, signal, started);
  } finally {
    await custody.store.close();
  }
}

async function serve(
  config: ServerConfig,
  parts: ServerParts,
  custody: Custody,
  waiting: WaitingTime,
  signal: AbortSignal,
  started: (serving: Serving) => void,
): Promise<void> {
  const { clock, logger } = parts;
  const { store, identity } = custody;
  const observation = createObservation(config, parts, custody);
  const { metrics, audit, onUnexpected } = observation;

  // What is stored, verified; what signs.
  const sessionCa = await openSessionCa(parts, custody, waiting, signal);
  const clusters = await ClusterRegistry.open({ store, clock, logger, trustDomain: identity.trustDomain.name });
  const configuration = await openConfiguration(config, parts, custody);
  const { managed, policyDefaults: defaults } = configuration;
  const signing = await openSigning({ config, parts, custody, configuration, observation, waiting }, signal);
  const { keysets, keyManagers, agents } = signing;
  logCaCertificates(keysets.state, logger.named('upstreamAuthority'), signal);
  const trust = createTrustSnapshots(keysets.state, sessionCa.state, identity, signal);
  await publishFiles(config, trust.value);

  // Who is served.
  const policies = createClusterPolicies(clusters, managed.state, defaults);
  const rewrap = createRewrap(keysets, [sessionCa], custody, logger.named('keyWrapping'));
  const shared = {
    config,
    parts,
    identity,
    clusters,
    managed,
    keysets,
    agents,
    trust,
    observer: metrics,
    onUnexpected,
  };
  const agentApi = await openAgentApi({ ...shared, sessionCa, policies, defaults, metrics, audit });
  const adminApi = await openAdminApi({ ...shared, rewrap });
  metrics.watch({
    connectedAgents: () => agents.size,
    issuance: () => agentApi.issuance(),
    keysets: () => keysets.state.value.ring.keysets,
    keyManagers: () => keyManagers.levels(),
  });
  const pages = await observation.openPages();
  started({ agentPort: agentApi.port, metricsUrl: `${pages.url}/metrics` });

  const rooms = [sessionCa, clusters, keysets, agentApi, adminApi, pages].map(
    (room) => (stop: AbortSignal) => room.run(stop),
  );
  const files = (stop: AbortSignal) => keepFilesCurrent(config, trust, { clock, logger }, stop);
  try {
    await runTasks([...rooms, files], signal);
  } finally {
    await keyManagers.close();
  }
}

/** Its record is sealed, so the key service may have to be waited for. */
function openSessionCa(
  { clock, logger }: ServerParts,
  { store, sealer, identity }: Custody,
  waiting: WaitingTime,
  signal: AbortSignal,
): Promise<SessionCa> {
  const { deploymentId } = identity;
  const trustDomain = identity.trustDomain.name;
  const parts = { store, sealer, clock, logger: logger.named('sessionCa'), trustDomain, deploymentId };
  const patience = { clock, logger, time: waiting };
  return untilAvailable((inTime) => SessionCa.open(parts, inTime), patience, signal);
}
