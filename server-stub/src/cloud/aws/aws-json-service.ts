import { exchange, NoAnswer, type HttpAnswer } from 'spirl-agent/runtime/http-exchange.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { awsCredentials, type AwsCredentials } from './aws-credentials.js';
import { AwsErrorAnswer, awsFailure, isExpiredCredentials, isTransient, type AwsAction } from './aws-error.js';
import { awsEndpoint, type AwsParts, type AwsTarget } from './aws-settings.js';
import { Sha256 } from './sha256.js';

const ATTEMPTS = 4;
const ATTEMPT_LIMIT_MS = 10_000;
const FIRST_PAUSE_MS = 200;
const MAX_PAUSE_MS = 5_000;
const MAX_ANSWER_BYTES = 1024 * 1024;

/** A service that speaks AWS JSON 1.1. */
export interface AwsJsonService {
  /** For people: `AWS Private CA`. */
  readonly title: string;
  /** In endpoints, signatures and IAM actions: `acm-pca`. */
  readonly name: string;
  /** Before the operation's name: `ACMPrivateCA`. */
  readonly target: string;
  readonly endpoint?: string | undefined;
}

export type AwsJsonCall = (
  operation: string,
  input: object,
  resource: string,
  signal: AbortSignal,
) => Promise<Readonly<Record<string, unknown>>>;

/**
 * Calls of one service: signed, bounded in time and size, repeated a few times with jittered backoff when the service is busy
 * or away (so only for operations that may be repeated). Throws KEY_SERVICE_UNAVAILABLE, KEY_SERVICE_REFUSED.
 */
export function awsJsonService(service: AwsJsonService, parts: AwsParts, target: AwsTarget): AwsJsonCall {
  const credentials = awsCredentials(parts, target);
  const url = new URL(service.endpoint ?? awsEndpoint(service.name, target));
  const call = (operation: string, body: string, identity: AwsCredentials, signal: AbortSignal) =>
    ask({ service, parts, target, url }, operation, body, identity, signal);
  return async (operation, input, resource, signal) => {
    const asked = { service: service.title, action: `${service.name}:${operation}`, resource };
    const body = JSON.stringify(input);
    for (let attempt = 1; ; attempt++) {
      try {
        return parse(await call(operation, body, await credentials.current(signal), signal));
      } catch (error) {
        const failure = failureOf(error, asked, url);
        if (attempt === ATTEMPTS || !mayPass(error)) throw failure;
        if (error instanceof AwsErrorAnswer && isExpiredCredentials(error)) credentials.forget();
        await parts.clock.sleep(pauseMs(attempt), signal);
      }
    }
  };
}

interface Where {
  readonly service: AwsJsonService;
  readonly parts: AwsParts;
  readonly target: AwsTarget;
  readonly url: URL;
}

async function ask(
  { service, parts, target, url }: Where,
  operation: string,
  body: string,
  credentials: AwsCredentials,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const { SignatureV4 } = await import('@smithy/signature-v4');
  const signer = new SignatureV4({ service: service.name, region: target.region, credentials, sha256: Sha256 });
  const { headers } = await signer.sign(
    {
      method: 'POST',
      protocol: url.protocol,
      hostname: url.hostname,
      path: url.pathname,
      headers: {
        host: url.host,
        'content-type': 'application/x-amz-json-1.1',
        'x-amz-target': `${service.target}.${operation}`,
      },
      body,
    },
    { signingDate: new Date(parts.clock.now()) },
  );
  const limits = { timeoutMs: ATTEMPT_LIMIT_MS, maxAnswerBytes: MAX_ANSWER_BYTES };
  return exchange({ method: 'POST', url, headers, body, ...limits }, parts.clock, signal);
}

/** Throws AwsErrorAnswer; NoAnswer for something that no AWS service says. */
function parse({ status, headers, body }: HttpAnswer): Readonly<Record<string, unknown>> {
  const value = objectOf(body);
  if (status === 200 && value !== undefined) return value;
  const type = [headers['x-amzn-errortype'], value?.['__type'], value?.['code']].find(isText);
  if (type === undefined && status < 400) throw new NoAnswer(`the answer (HTTP ${status}) is none of an AWS service`);
  // `com.amazonaws.acmpca#ResourceNotFoundException:http://…`
  const name = (type ?? 'UnknownError').split(':')[0]?.split('#').at(-1) ?? '';
  const message = value?.['message'] ?? value?.['Message'];
  throw new AwsErrorAnswer(name, status, typeof message === 'string' ? message : '');
}

const isText = (value: unknown): value is string => typeof value === 'string';

function objectOf(body: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(body.length === 0 ? '{}' : body.toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function failureOf(error: unknown, asked: AwsAction, url: URL): unknown {
  if (error instanceof AwsErrorAnswer) return awsFailure(asked, error);
  if (!(error instanceof NoAnswer)) return error;
  const message = `${asked.service} (${url.host}) cannot be asked for ${asked.action}: ${error.message}`;
  return new SpirlError('KEY_SERVICE_UNAVAILABLE', message, { cause: error });
}

function mayPass(error: unknown): boolean {
  if (error instanceof AwsErrorAnswer) return isTransient(error) || isExpiredCredentials(error);
  return error instanceof NoAnswer;
}

/** Full jitter, so that servers that failed together do not come back together. */
function pauseMs(attempt: number): number {
  return Math.random() * Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt);
}
