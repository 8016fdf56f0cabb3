import { DeclaredFiles } from 'spirl-agent/runtime/declared-files.js';
import type { Clock } from 'spirl-agent/runtime/clock.js';
import type { Logger } from 'spirl-agent/runtime/logger.js';
import type { ExtensionsCheck } from './config/managed-section-types.js';
import type { ServerConfig } from './config/server-config.js';
import type { Custody } from './custody.js';
import { KEY_MANAGER_SECTION_SCHEMA, keyManagerSectionProblems } from './key-manager/key-manager-section.js';
import { KeyManagers } from './key-manager/key-managers.js';
import { bindingProblem } from './key-manager/pkcs11/cryptoki.js';
import type { Declared, ProviderParts } from './key-manager/provider.js';
import type { KeyServiceMetrics } from './key-manager/remote/key-service-metrics.js';
import { createSealedKeyManager } from './key-manager/sealed-key-manager.js';
import { rawFromDer } from './signer/ecdsa-signature.js';

/** What the section KeyManager may hold on this server. */
export function keyManagerSection(
  config: Pick<ServerConfig, 'extensions'>,
  pkcs11Problem: Declared['pkcs11Problem'],
): ExtensionsCheck {
  const declared = declaredBy(config, pkcs11Problem);
  return {
    schema: KEY_MANAGER_SECTION_SCHEMA,
    problems: (spec, at) => keyManagerSectionProblems(spec, at, declared),
  };
}

/** The key managers of this deployment. Each service's client is loaded when it is first needed. */
export function createKeyManagers(
  config: ServerConfig,
  { store, sealer, identity }: Custody,
  parts: {
    readonly clock: Clock;
    readonly logger: Logger;
    readonly metrics: KeyServiceMetrics;
    readonly environment: (name: string) => string | undefined;
    /** `spec` of the section KeyManager in force; undefined when there is none. */
    readonly spec: () => unknown;
  },
): KeyManagers {
  const { trustDomainId, deploymentId } = identity;
  return new KeyManagers({
    ...parts,
    ...declaredBy(config, bindingProblem),
    ...CONNECTORS,
    owner: { trustDomainId, deploymentId },
    rawFromDer,
    sealed: createSealedKeyManager({ store, sealer }),
    random: Math.random,
  });
}

function declaredBy(
  { extensions }: Pick<ServerConfig, 'extensions'>,
  pkcs11Problem: Declared['pkcs11Problem'],
): Declared & Pick<ProviderParts, 'files'> {
  const { secretDirectories, webhookHosts, modules } = extensions;
  return { files: new DeclaredFiles(secretDirectories), webhookHosts, modules, pkcs11Problem };
}

const CONNECTORS: Pick<ProviderParts, 'connectAwsKms' | 'connectKeyVault'> = {
  connectAwsKms: {
    defaultRegion: async () => (await import('./cloud/aws/kms-signing-api.js')).defaultAwsRegion(),
    connect: async (region) => (await import('./cloud/aws/kms-signing-api.js')).createKmsSigningApi(region),
  },
  connectKeyVault: async (vaultURL) =>
    (await import('./cloud/azure/key-vault-signing-api.js')).createKeyVaultSigningApi(vaultURL),
};
