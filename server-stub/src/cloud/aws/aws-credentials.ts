import type { Clock } from 'spirl-agent/runtime/clock.js';
import { orAbort } from 'spirl-agent/runtime/task-group.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { quotable } from 'spirl-agent/runtime/http-exchange.js';
import { networkReason } from '../network-failure.js';
import { AwsErrorAnswer, awsFailure } from './aws-error.js';
import { awsEndpoint, type AwsParts, type AwsTarget } from './aws-settings.js';

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /** Absent: they do not end. */
  readonly expiration?: Date;
}

export interface CredentialSource {
  /** Credentials that are good for a while yet. Throws KEY_SERVICE_UNAVAILABLE, KEY_SERVICE_REFUSED. */
  current(signal: AbortSignal): Promise<AwsCredentials>;
  /** The present ones were said to have ended: the next call gets new ones. */
  forget(): void;
}

/** Credentials are replaced this long before their end. */
const MARGIN_MS = 5 * 60_000;
/** The shortest that STS gives; a rotation takes seconds. */
const ROLE_SECONDS = 900;

/**
 * The official default chain: environment, profile, web identity, container, instance; then the role of `target`, if any.
 * Nothing of it is loaded before it is used.
 */
export function awsCredentials(parts: AwsParts, target: AwsTarget): CredentialSource {
  const base = new KeptCredentials(parts.clock, () => defaultChain(target.region));
  const { assumeRoleArn: role } = target;
  if (role === undefined) return base;
  return new KeptCredentials(parts.clock, async (signal) => {
    return assumeRole(await base.current(signal), role, parts, target, signal);
  });
}

/** Kept until shortly before their end. */
class KeptCredentials implements CredentialSource {
  readonly #clock: Clock;
  readonly #fresh: (signal: AbortSignal) => Promise<AwsCredentials>;
  #held: AwsCredentials | undefined;
  constructor(clock: Clock, fresh: (signal: AbortSignal) => Promise<AwsCredentials>) {
    this.#clock = clock;
    this.#fresh = fresh;
  }
  async current(signal: AbortSignal): Promise<AwsCredentials> {
    const held = this.#held;
    const end = held?.expiration?.getTime() ?? Infinity;
    if (held !== undefined && this.#clock.now() < end - MARGIN_MS) return held;
    const fresh = await orAbort(this.#fresh(signal), signal);
    this.#held = fresh;
    return fresh;
  }
  forget(): void {
    this.#held = undefined;
  }
}

async function defaultChain(region: string): Promise<AwsCredentials> {
  const { defaultProvider } = await import('@aws-sdk/credential-provider-node');
  try {
    return await defaultProvider({ clientConfig: { region } })();
  } catch (cause) {
    throw chainFailure(cause);
  }
}

/** Nothing found is told at once; a service that gives credentials may come back. */
function chainFailure(cause: unknown): SpirlError {
  const away = networkReason(cause);
  if (away !== undefined) {
    return new SpirlError('KEY_SERVICE_UNAVAILABLE', `no AWS credentials: what gives them is away (${away})`, {
      cause,
    });
  }
  if (statusOf(cause) !== undefined) {
    const asked = { service: 'AWS STS', action: 'sts:AssumeRoleWithWebIdentity', resource: "the server's role" };
    return stsFailure(cause, asked);
  }
  const none = 'no AWS credentials were found: none in environment, profile, web identity, container or instance';
  return new SpirlError('KEY_SERVICE_REFUSED', none, { cause });
}

async function assumeRole(
  credentials: AwsCredentials,
  role: string,
  { endpoints, sessionName }: AwsParts,
  target: AwsTarget,
  signal: AbortSignal,
): Promise<AwsCredentials> {
  const { STSClient, AssumeRoleCommand } = await import('@aws-sdk/client-sts');
  const { region } = target;
  const client = new STSClient({
    region,
    credentials,
    endpoint: endpoints.sts ?? awsEndpoint('sts', target),
    maxAttempts: 3,
  });
  const asked = { service: 'AWS STS', action: 'sts:AssumeRole', resource: role };
  try {
    const command = new AssumeRoleCommand({
      RoleArn: role,
      RoleSessionName: sessionName,
      DurationSeconds: ROLE_SECONDS,
    });
    const { Credentials: given } = await client.send(command, { abortSignal: signal });
    const {
      AccessKeyId: accessKeyId,
      SecretAccessKey: secretAccessKey,
      SessionToken: sessionToken,
      Expiration,
    } = given ?? {};
    if (accessKeyId === undefined || secretAccessKey === undefined || sessionToken === undefined) {
      throw new SpirlError('KEY_SERVICE_UNAVAILABLE', 'AWS STS answered sts:AssumeRole without credentials');
    }
    return { accessKeyId, secretAccessKey, sessionToken, ...(Expiration !== undefined && { expiration: Expiration }) };
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (error instanceof SpirlError) throw error;
    throw stsFailure(error, asked);
  } finally {
    client.destroy();
  }
}

function stsFailure(error: unknown, asked: Parameters<typeof awsFailure>[0]): SpirlError {
  const { name = '', message = '' } = error as Partial<Error>;
  const status = statusOf(error);
  if (status !== undefined) return awsFailure(asked, new AwsErrorAnswer(name, status, message));
  return new SpirlError(
    'KEY_SERVICE_UNAVAILABLE',
    `AWS STS cannot be reached for ${asked.action} (${quotable(name, 60)})`,
    {
      cause: error,
    },
  );
}

/** HTTP status of the answer that an error of the SDK was made of; undefined when there was none. */
function statusOf(error: unknown): number | undefined {
  return (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
}
