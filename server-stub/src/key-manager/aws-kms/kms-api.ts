/**
 * The calls we make of AWS KMS, resource tagging and STS, in our own words, each within its own time. Failures:
 * KEY_SERVICE_UNAVAILABLE, KeyServiceThrottled, KEY_SERVICE_REFUSED.
 */
export interface KmsApi {
  /** ARN of a new asymmetric key for signatures. */
  createKey(request: KmsCreateRequest, signal: AbortSignal): Promise<string>;
  /** SubjectPublicKeyInfo, DER. Undefined: there is no such key, or the service says that it cannot be used any more. */
  publicKey(arn: string, signal: AbortSignal): Promise<Uint8Array | undefined>;
  /** Signature as KMS makes it: DER for ECDSA. `digest` is what is signed. */
  sign(request: KmsSignRequest, signal: AbortSignal): Promise<Uint8Array>;
  /** Adds tags. No error for a key that is gone, or about to be. */
  tagKey(arn: string, tags: KmsTags, signal: AbortSignal): Promise<void>;
  /** No error for a key that is gone, or about to be. */
  scheduleKeyDeletion(arn: string, signal: AbortSignal): Promise<void>;
  /** The keys that have all of these tags, with all their tags. */
  keysTagged(tags: KmsTags, signal: AbortSignal): Promise<readonly KmsTaggedKey[]>;
  /** 12 digits. */
  accountId(signal: AbortSignal): Promise<string>;
}

export type KmsTags = Readonly<Record<string, string>>;

export interface KmsCreateRequest {
  /** `ECC_NIST_P256`. */
  readonly keySpec: string;
  readonly description: string;
  readonly tags: KmsTags;
}

export interface KmsSignRequest {
  readonly arn: string;
  readonly algorithm: string;
  readonly digest: Uint8Array;
}

export interface KmsTaggedKey {
  readonly arn: string;
  readonly tags: KmsTags;
}

/** Ways to AWS KMS. */
export interface AwsKmsConnector {
  /** The region that the surroundings name; undefined when they name none. */
  defaultRegion(): Promise<string | undefined>;
  /** Nothing is called yet. */
  connect(region: string): Promise<KmsApi>;
}
