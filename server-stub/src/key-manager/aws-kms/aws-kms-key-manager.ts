import { createHash } from 'node:crypto';
import { hasCode, SpirlError } from 'spirl-agent/runtime/errors.js';
import type { FindsKeys, KeyManager, ReleasesKeys } from '../../domain/key-manager.js';
import { keyTypeOf, type KeyType, type SigningKey } from '../../domain/signing-key.js';
import type { KeyOwner } from '../provider.js';
import { KMS_KEY_TYPES } from './key-specs.js';
import type { KmsApi, KmsTags } from './kms-api.js';

/** Reserved; an operator's own tags may not begin like this. */
export const RESERVED_PREFIX = 'defakto-';
const TRUST_DOMAIN_TAG = `${RESERVED_PREFIX}trust-domain-id`;
const DEPLOYMENT_TAG = `${RESERVED_PREFIX}deployment-id`;
const KEYSET_TAG = `${RESERVED_PREFIX}keyset-id`;
/** A key that waits for its deletion is still listed, for up to 30 days; this says that nobody needs it. */
const RELEASED_TAG = `${RESERVED_PREFIX}released`;
/** Public keys read at the same time at a start. */
const READ_TOGETHER = 8;

export interface AwsKmsKeyManagerParts {
  readonly api: KmsApi;
  readonly owner: KeyOwner;
  /** An operator's own, put on each key. */
  readonly keyTags: KmsTags;
  readonly rawFromDer: (der: Uint8Array, half: number) => Uint8Array;
}

/** Keys that are made in AWS KMS and never leave it. Found again by their tags; nothing else of the account is looked at. */
export function createAwsKmsKeyManager(parts: AwsKmsKeyManagerParts): KeyManager & ReleasesKeys & FindsKeys {
  return new AwsKmsKeyManager(parts);
}

class AwsKmsKeyManager implements KeyManager, ReleasesKeys, FindsKeys {
  readonly custody = 'awsKMS';
  readonly #parts: AwsKmsKeyManagerParts;
  /** Keys of this process, which the tagging service may not list yet. */
  readonly #made = new Map<string, string>();

  constructor(parts: AwsKmsKeyManagerParts) {
    this.#parts = parts;
  }

  async createKey(id: string, type: KeyType, signal: AbortSignal): Promise<SigningKey> {
    const { api, owner, keyTags } = this.#parts;
    if ((await this.#arnsOf(id, signal)).length > 0) throw new SpirlError('ALREADY_EXISTS', `key ${id} exists`);
    signal.throwIfAborted();
    const { keySpec } = KMS_KEY_TYPES[type];
    const tags = { ...keyTags, ...tagsOf(owner), [KEYSET_TAG]: id };
    const description = `SPIFFE signing key ${id} of deployment ${owner.deploymentId}`;
    const arn = await api.createKey({ keySpec, description, tags }, signal);
    this.#made.set(id, arn);
    const spki = await api.publicKey(arn, signal);
    if (spki === undefined || keyTypeOf(spki) !== type) {
      throw new SpirlError('KEY_SERVICE_REFUSED', `AWS KMS made key ${arn}, which is no ${keySpec} that can sign`);
    }
    return this.#signingKey(id, arn, type, spki);
  }

  async listKeys(signal: AbortSignal): Promise<readonly SigningKey[]> {
    const tagged = await this.#parts.api.keysTagged(tagsOf(this.#parts.owner), signal);
    const arns = new Map(this.#made);
    for (const { arn, tags } of tagged) {
      const id = tags[KEYSET_TAG];
      if (id !== undefined && tags[RELEASED_TAG] === undefined) arns.set(id, arn);
    }
    const keys: SigningKey[] = [];
    const all = [...arns];
    for (let at = 0; at < all.length; at += READ_TOGETHER) {
      const read = all.slice(at, at + READ_TOGETHER).map(([id, arn]) => this.#usable(id, arn, signal));
      for (const key of await Promise.all(read)) if (key !== undefined) keys.push(key);
    }
    return keys;
  }

  async findKey(id: string, reference: string, signal: AbortSignal): Promise<SigningKey | undefined> {
    try {
      return await this.#usable(id, reference, signal);
    } catch (error) {
      throw hasCode(error, 'KEY_SERVICE_REFUSED') ? await this.#explained(error, reference, signal) : error;
    }
  }

  async releaseKey(id: string, signal: AbortSignal, reference?: string): Promise<void> {
    const known = reference ?? this.#made.get(id);
    const arns = new Set(known === undefined ? await this.#arnsOf(id, signal) : [known]);
    for (const arn of arns) {
      await this.#parts.api.tagKey(arn, { [RELEASED_TAG]: 'true' }, signal);
      await this.#parts.api.scheduleKeyDeletion(arn, signal);
    }
    this.#made.delete(id);
  }

  async #arnsOf(id: string, signal: AbortSignal): Promise<readonly string[]> {
    const made = this.#made.get(id);
    const tagged = await this.#parts.api.keysTagged({ ...tagsOf(this.#parts.owner), [KEYSET_TAG]: id }, signal);
    const arns = tagged.map(({ arn }) => arn);
    return made === undefined ? arns : [...new Set([made, ...arns])];
  }

  /** Undefined: it is gone, or cannot be used; the tagging service lists such keys too. */
  async #usable(id: string, arn: string, signal: AbortSignal): Promise<SigningKey | undefined> {
    const spki = await this.#parts.api.publicKey(arn, signal);
    const type = spki && keyTypeOf(spki);
    return spki && type && this.#signingKey(id, arn, type, spki);
  }

  #signingKey(id: string, arn: string, type: KeyType, publicKeySpki: Uint8Array): SigningKey {
    const { api, rawFromDer } = this.#parts;
    const { algorithm, hash, half } = KMS_KEY_TYPES[type];
    return {
      id,
      type,
      publicKeySpki,
      reference: arn,
      sign: async (data, signal) => {
        const digest = createHash(hash).update(data).digest();
        const signature = await api.sign({ arn, algorithm, digest }, signal);
        return half === undefined ? signature : rawOf(signature, half, arn, rawFromDer);
      },
    };
  }

  /** A refusal is most often one of another account's credentials. */
  async #explained(error: SpirlError, arn: string, signal: AbortSignal): Promise<SpirlError> {
    const account = await this.#parts.api.accountId(signal).catch(() => undefined);
    const other = arn.split(':')[4];
    if (account === undefined || account === other) return error;
    const why = `the key belongs to account ${other ?? 'unknown'}, this server's AWS identity to account ${account}`;
    return new SpirlError(error.code, `${error.message} (${why})`, { cause: error });
  }
}

function tagsOf({ trustDomainId, deploymentId }: KeyOwner): KmsTags {
  return { [TRUST_DOMAIN_TAG]: trustDomainId, [DEPLOYMENT_TAG]: deploymentId };
}

function rawOf(
  der: Uint8Array,
  half: number,
  arn: string,
  rawFromDer: AwsKmsKeyManagerParts['rawFromDer'],
): Uint8Array {
  try {
    return rawFromDer(der, half);
  } catch (cause) {
    const message = `AWS KMS answered kms:Sign on ${arn} with something that is no signature`;
    throw new SpirlError('KEY_SERVICE_UNAVAILABLE', message, { cause });
  }
}
