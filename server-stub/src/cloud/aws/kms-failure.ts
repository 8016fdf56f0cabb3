import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { networkReason, untrustedReason } from '../network-failure.js';

/** What was asked of AWS KMS. */
export interface KmsAction {
  /** The permission it needs: `kms:Encrypt`. */
  readonly action: string;
  /** ARN, or what stands for the key where there is none yet. */
  readonly key: string;
  /** What the key has to be: `a symmetric encryption key`. */
  readonly needs: string;
}

/** Answers after which the same request may succeed. */
const PASSES = new Set([
  'DependencyTimeoutException',
  'IDPCommunicationErrorException',
  'InternalFailure',
  'InternalServerError',
  'KeyUnavailableException',
  'KMSInternalException',
  'LimitExceededException',
  'RequestTimeout',
  'RequestTimeoutException',
  'ServiceUnavailable',
  'ServiceUnavailableException',
  'SlowDown',
  'Throttling',
  'ThrottlingException',
  'TimeoutError',
  'TooManyRequestsException',
]);

type Sentence = (asked: KmsAction) => string;

/** What AWS KMS refuses for ever, until somebody changes something; the sentence says what. */
const REFUSED: Readonly<Record<string, Sentence>> = {
  AccessDeniedException: ({ action, key }) =>
    `AWS KMS denied ${action} on key ${key}: the server's AWS identity needs a policy that allows ${action} on it`,
  NotFoundException: ({ action, key }) => `AWS KMS has no key ${key} for ${action}: check its id, account and region`,
  DisabledException: ({ action, key }) => `AWS KMS cannot do ${action}: key ${key} is disabled`,
  KMSInvalidStateException: ({ action, key }) =>
    `AWS KMS cannot do ${action}: key ${key} is pending deletion or in another state in which it cannot be used`,
  InvalidKeyUsageException: ({ action, key, needs }) => `AWS KMS cannot do ${action}: key ${key} is not ${needs}`,
  CredentialsProviderError: ({ action, key }) =>
    `no AWS credentials for ${action} on key ${key}: none in environment, profile, web identity, container or instance`,
};
const BAD_CREDENTIALS: Sentence = ({ action, key }) =>
  `AWS did not accept the server's credentials for ${action} on key ${key}`;
const CREDENTIAL_ERRORS = [
  // Of STS, which is asked for credentials first; KMS itself says AccessDeniedException.
  'AccessDenied',
  'ExpiredTokenException',
  'ExpiredToken',
  'IncompleteSignature',
  'IncompleteSignatureException',
  'InvalidClientTokenId',
  'IDPRejectedClaimException',
  'InvalidIdentityTokenException',
  'InvalidSignatureException',
  'MissingAuthenticationTokenException',
  'SignatureDoesNotMatch',
  'UnrecognizedClientException',
];

/** An error of the AWS SDK as one of ours: KEY_SERVICE_UNAVAILABLE when it may pass by itself, else KEY_SERVICE_REFUSED. */
export function kmsFailure(cause: unknown, asked: KmsAction): SpirlError {
  if (cause instanceof SpirlError) return cause;
  const { action, key } = asked;
  const untrusted = untrustedReason(cause);
  if (untrusted !== undefined) {
    return new SpirlError(
      'KEY_SERVICE_REFUSED',
      `AWS KMS cannot be trusted for ${action} on key ${key}: ${untrusted}`,
      {
        cause,
      },
    );
  }
  const away = networkReason(cause);
  if (away !== undefined) return unavailable(asked, away, cause);
  const { name, status } = answerOf(cause);
  const sentence = REFUSED[name] ?? (CREDENTIAL_ERRORS.includes(name) ? BAD_CREDENTIALS : undefined);
  if (sentence !== undefined) return new SpirlError('KEY_SERVICE_REFUSED', `${sentence(asked)} (${name})`, { cause });
  if (PASSES.has(name)) return unavailable(asked, name, cause);
  // Without a status it was no answer at all, and a body that is no answer came from something in between.
  if (status === undefined || status >= 500 || status === 429 || name === 'SyntaxError') {
    return unavailable(asked, status === undefined ? name : `${name}, HTTP ${status}`, cause);
  }
  return new SpirlError('KEY_SERVICE_REFUSED', `AWS KMS refused ${action} on key ${key} (${name})`, { cause });
}

function unavailable({ action, key }: KmsAction, why: string, cause: unknown): SpirlError {
  return new SpirlError('KEY_SERVICE_UNAVAILABLE', `AWS KMS is away for ${action} on key ${key}: ${why}`, { cause });
}

/** Name of the SDK's error, one word, and the HTTP status of the answer that it was made of. */
export function answerOf(error: unknown): { readonly name: string; readonly status: number | undefined } {
  if (!(error instanceof Error)) return { name: 'unknown error', status: undefined };
  const { $metadata, $response } = error as Error & {
    $metadata?: { httpStatusCode?: number };
    $response?: { statusCode?: number };
  };
  const name = /^[A-Za-z.]{1,64}$/.test(error.name) ? error.name : 'unknown error';
  return { name, status: $metadata?.httpStatusCode ?? $response?.statusCode };
}
