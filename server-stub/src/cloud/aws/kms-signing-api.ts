import { setMaxListeners } from 'node:events';
import {
  CreateKeyCommand,
  GetPublicKeyCommand,
  KMSClient,
  ScheduleKeyDeletionCommand,
  SignCommand,
  TagResourceCommand,
  type KeySpec,
  type KMSClientConfig,
  type SigningAlgorithmSpec,
} from '@aws-sdk/client-kms';
import { GetResourcesCommand, ResourceGroupsTaggingAPIClient } from '@aws-sdk/client-resource-groups-tagging-api';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { KeyServiceThrottled } from '../../domain/key-manager.js';
import { answerOf, kmsFailure } from './kms-failure.js';

type Tags = Readonly<Record<string, string>>;

/** The region that environment or profile name. */
export async function defaultAwsRegion(): Promise<string | undefined> {
  const client = new KMSClient({});
  try {
    return await client.config.region();
  } catch {
    // The SDK's way to say that there is none.
    return undefined;
  } finally {
    client.destroy();
  }
}

/** Keys of AWS KMS that sign, in one region, as the SDK's whole chain of credentials and endpoints says. */
export function createKmsSigningApi(region: string): KmsSigningApi {
  return new KmsSigningApi(region);
}

const TIMES = { connectionTimeout: 3_000, requestTimeout: 10_000, throwOnRequestTimeout: true };
/** Connections kept; as many signatures as are under way at most. */
const SOCKETS = 128;
/** Repeated by the SDK with jittered pauses: what may be asked twice and is asked seldom. */
const REPEATED = 4;
const NEEDS = 'an asymmetric key for SIGN_VERIFY';
const THROTTLED = [
  'ThrottlingException',
  'Throttling',
  'TooManyRequestsException',
  'LimitExceededException',
  'SlowDown',
];
/** What is said of keys that are gone or on their way out. */
const GONE = ['NotFoundException', 'KMSInvalidStateException', 'DisabledException'];
/** More keys than a deployment ever has; a page has at most 100. */
const MAX_PAGES = 50;

export class KmsSigningApi {
  readonly #region: string;
  /** One attempt each: a signature is repeated by whoever knows how busy the service is, a new key never. */
  readonly #once: KMSClient;
  readonly #repeating: KMSClient;
  readonly #tagging: ResourceGroupsTaggingAPIClient;
  readonly #sts: STSClient;

  constructor(region: string) {
    this.#region = region;
    const options: KMSClientConfig = { region, requestHandler: { ...TIMES, httpsAgent: { maxSockets: SOCKETS } } };
    this.#once = new KMSClient({ ...options, maxAttempts: 1 });
    this.#repeating = new KMSClient({ ...options, maxAttempts: REPEATED });
    this.#tagging = new ResourceGroupsTaggingAPIClient({ region, maxAttempts: REPEATED, requestHandler: TIMES });
    this.#sts = new STSClient({ region, maxAttempts: REPEATED, requestHandler: TIMES });
  }

  async createKey(
    { keySpec, description, tags }: { keySpec: string; description: string; tags: Tags },
    signal: AbortSignal,
  ): Promise<string> {
    const command = new CreateKeyCommand({
      KeySpec: keySpec as KeySpec,
      KeyUsage: 'SIGN_VERIFY',
      Description: description,
      Tags: Object.entries(tags).map(([TagKey, TagValue]) => ({ TagKey, TagValue })),
    });
    const key = `(a new one in ${this.#region})`;
    const answer = await asked('kms:CreateKey and kms:TagResource', key, signal, () =>
      this.#once.send(command, { abortSignal: signal }),
    );
    return required(answer.KeyMetadata?.Arn);
  }

  async publicKey(arn: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const command = new GetPublicKeyCommand({ KeyId: arn });
    const answer = await asked('kms:GetPublicKey', arn, signal, () =>
      unlessGone(() => this.#repeating.send(command, { abortSignal: signal })),
    );
    return answer && required(answer.PublicKey);
  }

  async sign(
    { arn, algorithm, digest }: { arn: string; algorithm: string; digest: Uint8Array },
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const command = new SignCommand({
      KeyId: arn,
      Message: digest,
      MessageType: 'DIGEST',
      SigningAlgorithm: algorithm as SigningAlgorithmSpec,
    });
    const answer = await asked('kms:Sign', arn, signal, () => this.#once.send(command, { abortSignal: signal }));
    return required(answer.Signature);
  }

  async tagKey(arn: string, tags: Tags, signal: AbortSignal): Promise<void> {
    const list = Object.entries(tags).map(([TagKey, TagValue]) => ({ TagKey, TagValue }));
    const command = new TagResourceCommand({ KeyId: arn, Tags: list });
    await asked('kms:TagResource', arn, signal, () =>
      unlessGone(() => this.#repeating.send(command, { abortSignal: signal })),
    );
  }

  async scheduleKeyDeletion(arn: string, signal: AbortSignal): Promise<void> {
    // The longest waiting time, 30 days, is the service's default.
    const command = new ScheduleKeyDeletionCommand({ KeyId: arn });
    await asked('kms:ScheduleKeyDeletion', arn, signal, () =>
      unlessGone(() => this.#repeating.send(command, { abortSignal: signal })),
    );
  }

  async keysTagged(tags: Tags, signal: AbortSignal): Promise<readonly { arn: string; tags: Tags }[]> {
    const found: { arn: string; tags: Tags }[] = [];
    const TagFilters = Object.entries(tags).map(([Key, value]) => ({ Key, Values: [value] }));
    let token: string | undefined;
    for (let page = 0; page < MAX_PAGES; page++) {
      const next = token === undefined ? {} : { PaginationToken: token };
      const command = new GetResourcesCommand({ ResourceTypeFilters: ['kms:key'], TagFilters, ...next });
      const key = `(those of this deployment in ${this.#region})`;
      const answer = await asked('tag:GetResources', key, signal, () =>
        this.#tagging.send(command, { abortSignal: signal }),
      );
      for (const { ResourceARN: arn, Tags: list = [] } of answer.ResourceTagMappingList ?? []) {
        const pairs = list.map(({ Key = '', Value = '' }) => [Key, Value] as const);
        if (arn !== undefined) found.push({ arn, tags: Object.fromEntries(pairs) });
      }
      token = answer.PaginationToken;
      if (token === undefined || token === '') return found;
    }
    throw new SpirlError('KEY_SERVICE_REFUSED', `AWS lists more keys with this deployment's tags than there can be`);
  }

  async accountId(signal: AbortSignal): Promise<string> {
    const answer = await asked('sts:GetCallerIdentity', '(none)', signal, () =>
      this.#sts.send(new GetCallerIdentityCommand({}), { abortSignal: signal }),
    );
    return required(answer.Account);
  }
}

async function asked<T>(action: string, key: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  // The SDK's listeners stay for as long as the signal, which lives as long as one operation: listing reads many keys.
  setMaxListeners(0, signal);
  try {
    return await work();
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    const { name, status } = answerOf(error);
    if (THROTTLED.includes(name) || status === 429) {
      throw new KeyServiceThrottled(`AWS throttles ${action} on key ${key} (${name})`, { cause: error });
    }
    throw kmsFailure(error, { action, key, needs: NEEDS });
  }
}

async function unlessGone<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (GONE.includes(answerOf(error).name)) return undefined;
    throw error;
  }
}

function required<T>(part: T | undefined): T {
  if (part === undefined) throw new SpirlError('KEY_SERVICE_UNAVAILABLE', 'AWS KMS gave an incomplete answer');
  return part;
}
