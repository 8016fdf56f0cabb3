import { CLIENT_SECRET, startAzureKeyService } from '../../test/parts/azure/azure-key-service.js';
import { missingPart } from './installed.js';
import { NOTHING_DECLARED, type KeyServiceKind } from './key-service.js';

const VAULT = 'https://bench-vault.vault.azure.net/';

/** Azure Key Vault as the service of the test tree is it. */
export const azureKeyVault: KeyServiceKind = {
  name: 'Azure Key Vault (service of the tests)',
  inFlight: 32,
  batch: 16,
  missing: () => missingPart('bin/azure-key-service', 'parts-azure.sh'),
  start: async () => {
    const service = await startAzureKeyService();
    return {
      extension: { azureKeyVault: { vaultURL: VAULT } },
      declared: NOTHING_DECLARED,
      env: { ...service.env, ...CLIENT_SECRET },
      bare: { kind: 'keyVault', vaultUrl: VAULT },
      stop: () => service.stop(),
    };
  },
};
