import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { quotable } from 'spirl-agent/runtime/http-exchange.js';

/** What was asked of which service, for people. */
export interface AwsAction {
  /** `AWS Private CA`. */
  readonly service: string;
  /** As IAM names it: `acm-pca:IssueCertificate`. */
  readonly action: string;
  /** ARN of what it was asked about. */
  readonly resource: string;
}

/** An answer of AWS that is an error. Its message is only for `cause`: it may quote the request. */
export class AwsErrorAnswer extends Error {
  /** Without a namespace: `AccessDeniedException`. */
  readonly type: string;
  readonly status: number;
  constructor(type: string, status: number, message: string) {
    super(message);
    this.name = 'AwsErrorAnswer';
    this.type = type;
    this.status = status;
  }
}

const THROTTLED =
  /^(Throttl\w*|TooManyRequestsException|RequestLimitExceeded|LimitExceededException|SlowDown|RequestThrottled\w*)$/;
const TRANSIENT =
  /^(InternalError|InternalFailure|InternalServerException|KMSInternalException|DependencyTimeoutException|ServiceUnavailable\w*|RequestTimeout\w*)$/;
const DENIED = /^AccessDenied(Exception)?$|^UnauthorizedOperation$|^NotAuthorizedException$/;
const BAD_CREDENTIALS =
  /^(InvalidSignatureException|SignatureDoesNotMatch|UnrecognizedClientException|InvalidClientTokenId|InvalidAccessKeyId|IncompleteSignature\w*|MissingAuthenticationToken\w*)$/;
const EXPIRED = /^Expired(Token|TokenException)$|^RequestExpired$|^TokenRefreshRequired$/;

export function isThrottled({ type, status }: AwsErrorAnswer): boolean {
  return status === 429 || THROTTLED.test(type);
}

/** May pass by itself within moments. */
export function isTransient(answer: AwsErrorAnswer): boolean {
  return isThrottled(answer) || answer.status >= 500 || TRANSIENT.test(answer.type);
}

/** Credentials that ended: the next ones may work. */
export function isExpiredCredentials({ type }: AwsErrorAnswer): boolean {
  return EXPIRED.test(type);
}

/** The AWS error behind a failure, for callers to whom one of them means something. */
export function awsErrorType(error: unknown): string | undefined {
  return error instanceof SpirlError && error.cause instanceof AwsErrorAnswer ? error.cause.type : undefined;
}

/** An error answer in our words: what was refused by which service, and what would help. */
export function awsFailure({ service, action, resource }: AwsAction, answer: AwsErrorAnswer): SpirlError {
  const { type, status } = answer;
  const cause = { cause: answer };
  if (isTransient(answer)) {
    const why = isThrottled(answer) ? 'throttles' : 'cannot answer';
    return new SpirlError(
      'KEY_SERVICE_UNAVAILABLE',
      `${service} ${why} ${action} on ${resource} (${type}, HTTP ${status})`,
      cause,
    );
  }
  const refused = (why: string): SpirlError =>
    new SpirlError('KEY_SERVICE_REFUSED', `${service} refused ${action} on ${resource}: ${why}`, cause);
  if (DENIED.test(type)) return refused(`${type}: the server's AWS identity lacks the permission ${action} on it`);
  // What AWS says about signatures quotes the request's headers, tokens included.
  if (BAD_CREDENTIALS.test(type))
    return refused(`${type}: the AWS credentials are not accepted, or this machine's clock is wrong`);
  if (isExpiredCredentials(answer)) {
    return new SpirlError(
      'KEY_SERVICE_UNAVAILABLE',
      `${service} did not answer ${action}: the AWS credentials have expired (${type})`,
      cause,
    );
  }
  const said = quotable(answer.message);
  return refused(said === '' ? `${type} (HTTP ${status})` : `${type}: ${said}`);
}
