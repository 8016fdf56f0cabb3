import { join } from 'node:path';
import type { Clock } from 'spirl-agent/runtime/clock.js';
import type { Logger } from 'spirl-agent/runtime/logger.js';
import { untilAvailable } from 'spirl-agent/runtime/until-available.js';
import type { WaitingTime } from 'spirl-agent/runtime/waiting-time.js';
import { openDeploymentIdentity, type DeploymentIdentity } from './config/deployment-identity.js';
import type { ServerConfig } from './config/server-config.js';
import type { Sealer } from './domain/record-store.js';
import { createSealer } from './key-wrapping/envelope.js';
import { openWrapper } from './key-wrapping/providers.js';
import { tryWrapping } from './key-wrapping/trial.js';
import type { Wrapper } from './key-wrapping/wrapper.js';
import { openFileStore, type FileStore } from './store/file/file-store.js';
import type { FileSystem } from './store/file/file-system.js';
import { checkSealedBefore } from './sealed-before.js';
import { configuredProvider, configuredWrapping } from './wrapping.js';

/** Where the deployment's records lie, whose they are, and what seals the secret ones. */
export interface Custody {
  readonly store: FileStore;
  readonly identity: DeploymentIdentity;
  readonly sealer: Sealer;
  /** Provider and key-encrypting key. */
  readonly wrapping: Pick<Wrapper, 'name' | 'kek'>;
}

export interface CustodyParts {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Of the whole start. */
  readonly waiting: WaitingTime;
  /** How the store reaches its files; the file system when absent. */
  readonly files?: FileSystem | undefined;
}

/**
 * Takes the state directory and proves that keys can be wrapped; a key service that is away is waited for, bounded. Throws
 * STORE_FAILED, STORE_CORRUPT, INVALID_CONFIG, KEY_SERVICE_REFUSED, KEY_SERVICE_UNAVAILABLE; the directory is let go of then.
 */
export async function openCustody(config: ServerConfig, parts: CustodyParts, signal: AbortSignal): Promise<Custody> {
  const store = await openFileStore(join(config.stateDir, 'records'), parts.files);
  try {
    const recordsExist = await checkSealedBefore(store, configuredProvider(config));
    const configured = await configuredWrapping(config, recordsExist, parts.clock);
    const wrapper = await openWrapper(configured.wrapping);
    await checkSealedBefore(store, wrapper.name, wrapper.kek);
    const identity = await openDeploymentIdentity(store, config.trustDomainDeployment);
    await prove(wrapper, identity, parts, signal);
    parts.logger.info(configured.message, configured.fields(wrapper.kek));
    return { store, identity, sealer: createSealer(wrapper, identity.deploymentId), wrapping: wrapper };
  } catch (error) {
    await store.close();
    throw error;
  }
}

function prove(
  wrapper: Wrapper,
  { deploymentId }: DeploymentIdentity,
  { clock, logger, waiting }: CustodyParts,
  signal: AbortSignal,
): Promise<void> {
  const what = `key wrapping by ${wrapper.name} with key ${wrapper.kek}`;
  const patience = { what, clock, logger, time: waiting };
  return untilAvailable((inTime) => tryWrapping(wrapper, deploymentId, inTime), patience, signal);
}
