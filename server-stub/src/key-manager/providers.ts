import { awsKmsProvider } from './aws-kms/aws-kms-provider.js';
import { azureKeyVaultProvider } from './azure-key-vault/azure-key-vault-provider.js';
import { pkcs11Provider } from './pkcs11/pkcs11-provider.js';
import type { KeyManagerProvider } from './provider.js';
import { webhookProvider } from './webhook/webhook-provider.js';

/** Every key manager outside this process, by the name that the section KeyManager gives it. Without one, keys are sealed. */
export const KEY_MANAGER_PROVIDERS = {
  awsKMS: awsKmsProvider,
  azureKeyVault: azureKeyVaultProvider,
  pkcs11: pkcs11Provider,
  webhook: webhookProvider,
} as const satisfies Record<string, KeyManagerProvider>;

export type ProviderName = keyof typeof KEY_MANAGER_PROVIDERS;
