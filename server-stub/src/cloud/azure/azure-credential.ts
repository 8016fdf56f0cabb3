import {
  CredentialUnavailableError,
  DefaultAzureCredential,
  EnvironmentCredential,
  type TokenCredential,
  WorkloadIdentityCredential,
} from '@azure/identity';
import { FreshCredential } from './fresh-credential.js';

const OPTIONS = { retryOptions: { maxRetries: 2, retryDelayInMs: 200, maxRetryDelayInMs: 2_000 } };

/**
 * Who the server is to Azure: a client secret or certificate from the environment, else workload identity, else what the SDK
 * finds (managed identity, then a developer's tools). What is configured is used or fails: when workload identity cannot get a
 * token, the error says so, and nobody goes on to ask a machine's metadata service. A failure is not remembered.
 */
export function createAzureCredential(): TokenCredential {
  return new FreshCredential(configuredCredential);
}

function configuredCredential(): TokenCredential {
  const environment = new EnvironmentCredential(OPTIONS);
  const found = workloadIdentity() ?? new DefaultAzureCredential(OPTIONS);
  return {
    getToken: async (scopes, options) => {
      const all = typeof scopes === 'string' ? [scopes] : scopes;
      try {
        return await environment.getToken(all, options);
      } catch (error) {
        if (!isUnavailable(error)) throw error;
      }
      return found.getToken(all, options);
    },
  };
}

/** Undefined when the environment does not describe one. */
function workloadIdentity(): TokenCredential | undefined {
  try {
    return new WorkloadIdentityCredential(OPTIONS);
  } catch (error) {
    if (isUnavailable(error)) return undefined;
    throw error;
  }
}

const isUnavailable = (error: unknown): boolean => error instanceof CredentialUnavailableError;
