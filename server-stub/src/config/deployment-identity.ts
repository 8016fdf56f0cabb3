import { TrustDomain } from 'spirl-agent/domain/trust-domain.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { randomId } from 'spirl-agent/runtime/random-id.js';
import type { RecordStore } from '../domain/record-store.js';

const RECORD = 'deployment';
const FORMAT = 1;

/** Which deployment of which trust domain a store belongs to. Made at the first start, never changed. */
export interface DeploymentIdentity {
  readonly trustDomain: TrustDomain;
  /** `td-…` */
  readonly trustDomainId: string;
  /** `tdd-…` */
  readonly deploymentId: string;
  readonly deploymentName: string;
}

/** The part of the configuration that names the deployment; ids are optional there. */
export interface ConfiguredDeployment {
  readonly trustDomainName: string;
  readonly name: string;
  readonly trustDomainID?: string | undefined;
  readonly id?: string | undefined;
}

/**
 * Reads the store's identity, or gives it one. Throws INVALID_CONFIG when the configuration names another one (the store of
 * one deployment must not be served as another), STORE_CORRUPT, STORE_FAILED.
 */
export async function openDeploymentIdentity(
  store: RecordStore,
  configured: ConfiguredDeployment,
): Promise<DeploymentIdentity> {
  const record = await store.read(RECORD);
  if (record === undefined) {
    const made = {
      format: FORMAT,
      trustDomain: configured.trustDomainName,
      trustDomainId: configured.trustDomainID ?? randomId('td-', 10),
      deploymentId: configured.id ?? randomId('tdd-', 10),
      deploymentName: configured.name,
    };
    await store.write(RECORD, made, undefined);
    return identityOf(made);
  }
  const identity = identityOf(record.value);
  check('trustDomainName', configured.trustDomainName, identity.trustDomain.name);
  check('name', configured.name, identity.deploymentName);
  check('trustDomainID', configured.trustDomainID, identity.trustDomainId);
  check('id', configured.id, identity.deploymentId);
  return identity;
}

function check(setting: string, configured: string | undefined, stored: string): void {
  if (configured === undefined || configured === stored) return;
  throw new SpirlError(
    'INVALID_CONFIG',
    `/trustDomainDeployment/${setting}: the state directory belongs to ${JSON.stringify(stored)}, ` +
      `${JSON.stringify(configured)} is configured`,
  );
}

function identityOf(value: unknown): DeploymentIdentity {
  const record = value as Partial<Record<string, unknown>> | null;
  const text = (key: string): string => {
    const field = record?.[key];
    if (typeof field === 'string' && field !== '') return field;
    throw new SpirlError('STORE_CORRUPT', `record "${RECORD}" cannot be used: its field ${key} is missing`);
  };
  if (record?.['format'] !== FORMAT) {
    throw new SpirlError('STORE_CORRUPT', `record "${RECORD}" cannot be used: this server knows format ${FORMAT}`);
  }
  return Object.freeze({
    trustDomain: TrustDomain.parse(text('trustDomain')),
    trustDomainId: text('trustDomainId'),
    deploymentId: text('deploymentId'),
    deploymentName: text('deploymentName'),
  });
}
