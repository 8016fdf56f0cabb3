import { DefaultAzureCredential, type TokenCredential } from '@azure/identity';

/**
 * Who the server is to Azure: client secret or certificate from the environment, workload identity, managed identity, then a
 * developer's tools; the variable AZURE_TOKEN_CREDENTIALS=prod leaves the last out.
 */
export function createAzureCredential(): TokenCredential {
  return new DefaultAzureCredential();
}
