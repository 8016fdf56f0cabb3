import { join } from 'node:path';
import type { Clock } from 'spirl-agent/runtime/clock.js';
import type { LogFields } from 'spirl-agent/runtime/logger.js';
import type { ServerConfig } from './config/server-config.js';
import type { Wrapping } from './key-wrapping/providers.js';

/** The configured key wrapping, and how its success is told. */
export interface ConfiguredWrapping {
  readonly wrapping: Wrapping;
  readonly message: string;
  /** `kek`: of the opened wrapper. */
  readonly fields: (kek: string) => LogFields;
}

/** The name of the configured provider, without loading it. */
export function configuredProvider({ aws, azure }: ServerConfig): Wrapping['provider'] {
  if (aws.kmsKeyARN !== undefined) return 'awsKMS';
  return azure.keyVault.url === undefined ? 'local' : 'azureManagedHSM';
}

/**
 * What the configuration says about key wrapping: AWS KMS, a Managed HSM, else a file. A cloud's client is loaded only when it
 * is configured. `recordsExist`: whether anything was sealed before.
 */
export async function configuredWrapping(
  config: ServerConfig,
  recordsExist: boolean,
  clock: Clock,
): Promise<ConfiguredWrapping> {
  const keyArn = config.aws.kmsKeyARN;
  if (keyArn !== undefined) {
    const { createKmsWrappingApi } = await import('./cloud/aws/kms-wrapping-api.js');
    const api = createKmsWrappingApi({ keyArn, endpoint: config.aws.endpoints.kms });
    return {
      wrapping: { provider: 'awsKMS', keyArn, api, clock },
      message: 'Key wrapping via KMS',
      fields: () => ({ keyARN: keyArn }),
    };
  }
  const { url, keyName, keyVersion } = config.azure.keyVault;
  if (url !== undefined && keyName !== undefined) {
    const vaultUrl = new URL(url).origin;
    const { createHsmWrappingApi } = await import('./cloud/azure/hsm-wrapping-api.js');
    const api = createHsmWrappingApi({ vaultUrl, keyName });
    return {
      wrapping: { provider: 'azureManagedHSM', vaultUrl, keyName, keyVersion, api, clock },
      message: 'Key wrapping via Azure Key Vault',
      fields: () => ({ keyVaultURL: url, keyName }),
    };
  }
  const kekFile = join(config.stateDir, 'kek');
  return {
    wrapping: { provider: 'local', kekFile, recordsExist },
    message: 'Key wrapping via local file',
    fields: (kek) => ({ kekFile, kek }),
  };
}
