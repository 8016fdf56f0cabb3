import { join } from 'node:path';
import type { Logger } from 'spirl-agent/runtime/logger.js';
import { openDeploymentIdentity, type DeploymentIdentity } from './config/deployment-identity.js';
import type { ServerConfig } from './config/server-config.js';
import type { Sealer } from './domain/record-store.js';
import { createSealer } from './key-wrapping/envelope.js';
import { openWrapper } from './key-wrapping/providers.js';
import { openFileStore, type FileStore } from './store/file/file-store.js';
import type { FileSystem } from './store/file/file-system.js';

/** Where the deployment's records lie, whose they are, and what seals the secret ones. */
export interface Custody {
  readonly store: FileStore;
  readonly identity: DeploymentIdentity;
  readonly sealer: Sealer;
}

/** Takes the state directory. Throws STORE_FAILED, STORE_CORRUPT, INVALID_CONFIG; the directory is let go of then. */
export async function openCustody(config: ServerConfig, logger: Logger, files?: FileSystem): Promise<Custody> {
  const store = await openFileStore(join(config.stateDir, 'records'), files);
  try {
    const recordsExist = (await store.list('')).length > 0;
    const kekFile = join(config.stateDir, 'kek');
    const wrapper = await openWrapper({ provider: 'local', kekFile, recordsExist });
    const identity = await openDeploymentIdentity(store, config.trustDomainDeployment);
    logger.info('Key wrapping via local file', { kekFile, kek: wrapper.kek });
    return { store, identity, sealer: createSealer(wrapper, identity.deploymentId) };
  } catch (error) {
    await store.close();
    throw error;
  }
}
