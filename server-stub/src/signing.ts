import { hostname } from 'node:os';
import type { WaitingTime } from 'spirl-agent/runtime/waiting-time.js';
import { ConnectedAgents } from './api/bundle-sync-agents.js';
import type { ServerConfig } from './config/server-config.js';
import type { Configuration } from './configuration.js';
import type { Custody } from './custody.js';
import { createKeyManagers } from './key-services.js';
import type { KeysetParts } from './keyset/keyset-parts.js';
import { KeysetService } from './keyset/keyset-service.js';
import { openKeysets } from './keyset/open-keysets.js';
import { DEFAULT_ROTATION_POLICY } from './keyset/rotation-policy.js';
import type { Observation } from './observation.js';
import type { ServerParts } from './server-parts.js';
import { createConfiguredUpstream } from './upstream-authority/upstream-authorities.js';

/** What signs, where its keys are, and the agents that are told of each change. */
export interface Signing {
  readonly keysets: KeysetService;
  readonly keyManagers: ReturnType<typeof createKeyManagers>;
  readonly agents: ConnectedAgents;
}

/** Opens the ring with its keys; an empty one gets its first keyset. Throws what `openKeysets` throws. */
export async function openSigning(
  all: {
    readonly config: ServerConfig;
    readonly parts: ServerParts;
    readonly custody: Custody;
    readonly configuration: Configuration;
    readonly observation: Observation;
    /** Of the whole start. */
    readonly waiting: WaitingTime;
  },
  signal: AbortSignal,
): Promise<Signing> {
  const { config, custody, configuration, observation, waiting } = all;
  const { clock, logger, environment = () => undefined } = all.parts;
  const { store, sealer, identity } = custody;
  const keyManagers = createKeyManagers(config, custody, {
    ...{ clock, environment, metrics: observation.metrics },
    logger: logger.named('keyManagers'),
    spec: () => configuration.deploymentSpec('KeyManager'),
  });
  const parts: KeysetParts = {
    ...{ store, sealer, clock, keyManagers },
    trustDomain: identity.trustDomain,
    deploymentId: identity.deploymentId,
    upstream: createConfiguredUpstream(configuration.upstreamParts, () =>
      configuration.deploymentSpec('UpstreamAuthority'),
    ),
    audit: observation.keysetAudit,
    logger: logger.named('keysets'),
    holder: hostname(),
    policy: {
      ...DEFAULT_ROTATION_POLICY,
      keysetLifetimeMs: config.keyset.lifetime,
      prepareBeforeExpiryMs: config.keyset.preparationThreshold,
      minPreparedAgeMs: config.keyset.activationThreshold,
    },
  };
  const opened = await openKeysets(parts, signal, waiting).catch(async (error: unknown) => {
    await keyManagers.close();
    throw error;
  });
  const agents = new ConnectedAgents(clock);
  return { keysets: new KeysetService(parts, opened, agents), keyManagers, agents };
}
