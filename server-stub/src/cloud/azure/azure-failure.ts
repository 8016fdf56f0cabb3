import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { networkReason, untrustedReason } from '../network-failure.js';

/** What was asked of which service. */
export interface AzureAction {
  /** `Azure Managed HSM`, `Azure Key Vault`. */
  readonly service: string;
  /** The permission it needs: `encrypt`, `key get`. */
  readonly action: string;
  /** URL of the key. */
  readonly key: string;
  /** The role that has that permission: `Managed HSM Crypto User`. */
  readonly role: string;
}

/** Codes of Entra ID for failures of its own that pass: a server behind it is away, the tenant is throttled. */
const ENTRA_PASSES = /AADSTS(90006|90033|90055)\b/;
const CREDENTIAL_ERRORS = new Set([
  'AggregateAuthenticationError',
  'AuthenticationError',
  'AuthenticationRequiredError',
  'CredentialUnavailableError',
]);

/** An error of the Azure SDK as one of ours: KEY_SERVICE_UNAVAILABLE when it may pass by itself, else KEY_SERVICE_REFUSED. */
export function azureFailure(cause: unknown, asked: AzureAction): SpirlError {
  if (cause instanceof SpirlError) return cause;
  const { service, action, key } = asked;
  const untrusted = untrustedReason(cause);
  if (untrusted !== undefined) {
    return refused(`${service} cannot be trusted for ${action} with key ${key}: ${untrusted}`, cause);
  }
  const away = networkReason(cause);
  if (away !== undefined) return unavailable(asked, away, cause);
  if (cause instanceof Error && CREDENTIAL_ERRORS.has(cause.name)) return credentialFailure(cause, asked);
  const { status, code } = answerOf(cause);
  if (status === undefined || status === 408 || status === 429 || status >= 500) {
    return unavailable(asked, status === undefined ? (code ?? 'no answer') : `HTTP ${status}`, cause);
  }
  return refused(refusal(asked, status, code ?? 'no code'), cause);
}

function refusal({ service, action, key, role }: AzureAction, status: number, code: string): string {
  switch (status) {
    case 401:
      return `${service} did not accept the server's identity for ${action} with key ${key} (${code})`;
    case 403:
      return (
        `${service} denied ${action} with key ${key} (${code}): ` +
        `the server's identity needs the role ${role}, and the key must be enabled and allow ${action}`
      );
    case 404:
      return `${service} has no key ${key} for ${action} (${code})`;
    default:
      return `${service} refused ${action} with key ${key} (${code})`;
  }
}

/** Entra ID is asked for a token first: it may refuse, be away, or there may be nothing to ask it with. */
function credentialFailure(cause: Error, asked: AzureAction): SpirlError {
  const { service, action, key } = asked;
  const entra = /AADSTS\d+/.exec(cause.message)?.[0];
  if (entra !== undefined && !ENTRA_PASSES.test(cause.message)) {
    return refused(`Microsoft Entra ID gave no token for ${action} with key ${key} of ${service} (${entra})`, cause);
  }
  if (/ENOENT|EACCES|EISDIR/.test(cause.message)) {
    return refused(
      `no Azure token for ${action} with key ${key} of ${service}: the federated token cannot be read`,
      cause,
    );
  }
  if (cause.name === 'AuthenticationError' || cause.name === 'AuthenticationRequiredError') {
    const { status } = answerOf(cause);
    // The SDK says 400 of its own when nobody answered; Entra ID's 400 has a code of its own.
    const why = entra ?? (status === undefined || status === 400 ? 'no answer' : `HTTP ${status}`);
    return unavailable(asked, `Microsoft Entra ID gave no token (${why})`, cause);
  }
  return refused(
    `no Azure credential for ${action} with key ${key} of ${service}: ` +
      'no client secret, workload identity or managed identity was found',
    cause,
  );
}

function refused(sentence: string, cause: unknown): SpirlError {
  return new SpirlError('KEY_SERVICE_REFUSED', sentence, { cause });
}

function unavailable({ service, action, key }: AzureAction, why: string, cause: unknown): SpirlError {
  return new SpirlError('KEY_SERVICE_UNAVAILABLE', `${service} is away for ${action} with key ${key}: ${why}`, {
    cause,
  });
}

/** HTTP status and the service's code of an error, as far as it has them. */
export function answerOf(error: unknown): { readonly status: number | undefined; readonly code: string | undefined } {
  if (!(error instanceof Error)) return { status: undefined, code: undefined };
  const { statusCode, code } = error as Error & { statusCode?: unknown; code?: unknown };
  return {
    status: typeof statusCode === 'number' ? statusCode : undefined,
    code: typeof code === 'string' && /^[A-Za-z_]{1,64}$/.test(code) ? code : undefined,
  };
}
