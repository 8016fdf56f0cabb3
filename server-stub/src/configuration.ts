import { DeclaredFiles } from 'spirl-agent/runtime/declared-files.js';
import { createAcmPca } from './cloud/aws/acm-pca.js';
import type { PolicyDefaults } from './cluster-views.js';
import { ManagedConfig } from './config/managed-config.js';
import { deploymentSection } from './config/managed-config-state.js';
import type { ServerConfig } from './config/server-config.js';
import { readStartSections } from './config/start-sections.js';
import type { Custody } from './custody.js';
import { policyDefaultsOf, sectionTypesOf } from './deployment-sections.js';
import type { ServerParts } from './server-parts.js';
import type { UpstreamParts } from './upstream-authority/upstream-parts.js';

/** What operators may change while the server runs, and what of the machine they may name in it. */
export interface Configuration {
  readonly managed: ManagedConfig;
  readonly policyDefaults: PolicyDefaults;
  readonly upstreamParts: UpstreamParts;
  /** Spec of a section of this deployment as it is now: the managed one, else the one the server was started with. */
  deploymentSpec(section: string): unknown;
}

/** Throws STORE_FAILED, STORE_CORRUPT, and INVALID_CONFIG for start sections that are not valid. */
export async function openConfiguration(
  config: ServerConfig,
  { clock }: ServerParts,
  { store, identity }: Custody,
): Promise<Configuration> {
  const policyDefaults = policyDefaultsOf(config);
  const upstreamParts: UpstreamParts = {
    clock,
    files: new DeclaredFiles(config.extensions.secretDirectories),
    webhookHosts: config.extensions.webhookHosts,
    acmPca: createAcmPca({ clock, endpoints: config.aws.endpoints, sessionName: 'spirl-server' }),
  };
  const types = sectionTypesOf(config);
  const { deploymentId } = identity;
  const startSections = readStartSections(config.managedConfig, deploymentId, types);
  const managed = await ManagedConfig.open({ store, clock, types });
  return {
    ...{ managed, policyDefaults, upstreamParts },
    deploymentSpec: (name) =>
      (deploymentSection(managed.state.value, deploymentId, name) ?? startSections.get(name))?.spec,
  };
}
