import { KMSClient } from '@aws-sdk/client-kms';

export interface KmsClientOptions {
  readonly region: string;
  /** URL; undefined: the SDK's own for the region. */
  readonly endpoint?: string | undefined;
}

/** Attempts of one call, made by the SDK with jittered pauses; throttling is slowed down for by it too. */
const ATTEMPTS = 3;

/** A client of AWS KMS with the SDK's whole chain of credentials: environment, profile, web identity, container, instance. */
export function createKmsClient({ region, endpoint }: KmsClientOptions): KMSClient {
  return new KMSClient({
    region,
    ...(endpoint !== undefined && { endpoint }),
    maxAttempts: ATTEMPTS,
    requestHandler: { connectionTimeout: 3_000, requestTimeout: 5_000, throwOnRequestTimeout: true },
  });
}

/** Region of a key's ARN (`arn:aws:kms:<region>:<account>:key/<id>`). */
export function regionOf(keyArn: string): string {
  const region = keyArn.split(':')[3];
  if (region === undefined || region === '') throw new Error(`no region in ${keyArn}`);
  return region;
}
