import { Registry } from 'prom-client';
import type { OnUnexpected } from 'spirl-agent/runtime/wire-error.js';
import { openHttpEndpoint, type HttpEndpoint } from 'spirl-agent/runtime/http-endpoint.js';
import type { ServerConfig } from './config/server-config.js';
import type { Custody } from './custody.js';
import type { AuditLog } from './keyset/keyset-parts.js';
import type { ServerParts } from './server-parts.js';
import { createOcsfAudit, silentAudit, type Audit } from './telemetry/audit.js';
import { collectProcessMetrics, ServerMetrics } from './telemetry/metrics.js';

/** How the outside sees what the server does. */
export interface Observation {
  readonly metrics: ServerMetrics;
  readonly audit: Audit;
  /** Steps of keysets go to the audit log and to the metrics. */
  readonly keysetAudit: AuditLog;
  readonly onUnexpected: OnUnexpected;
  /** Opens `/metrics`, `/live` and `/ready`: the server is ready from now on. */
  openPages(): Promise<HttpEndpoint>;
}

export function createObservation(config: ServerConfig, parts: ServerParts, { identity }: Custody): Observation {
  const { logger, version } = parts;
  const registry = new Registry();
  const metrics = new ServerMetrics(registry, {
    version,
    trustDomain: identity.trustDomain.name,
    deployment: identity.deploymentName,
    latency: config.telemetry.collectors.grpc.emmitLatencyMetrics,
  });
  const audit = createAudit(config, parts, identity);
  const onUnexpected: OnUnexpected = (error) => logger.error('Unexpected error', { error });
  return {
    ...{ metrics, audit, onUnexpected },
    keysetAudit: {
      keysetChanged: (event) => {
        metrics.keysetChanged(event);
        audit.keysetChanged(event);
      },
    },
    openPages: async () => {
      if (config.telemetry.enabled) collectProcessMetrics(registry);
      const pages = await openHttpEndpoint(config.metricsAPI, {
        readiness: () => ({ status: 'ready', reasons: [] }),
        ...(config.telemetry.enabled && { metrics: () => metrics.page() }),
        onUnexpected,
      });
      logger.info('Serving metrics and health', { url: pages.url });
      return pages;
    },
  };
}

function createAudit({ ocsf }: ServerConfig, parts: ServerParts, identity: Custody['identity']): Audit {
  if (!ocsf.enabled) return silentAudit;
  const { trustDomainId, deploymentId: trustDomainDeploymentId } = identity;
  const source = { ...ocsf, version: parts.version, trustDomainId, trustDomainDeploymentId };
  return createOcsfAudit(source, parts.clock, parts.writeAudit);
}
