import { DecryptCommand, EncryptCommand, EncryptionAlgorithmSpec } from '@aws-sdk/client-kms';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { createKmsClient, regionOf } from './kms-client.js';
import { answerOf, kmsFailure } from './kms-failure.js';

export interface KmsWrappingOptions {
  readonly keyArn: string;
  /** URL of another endpoint than the SDK's own for the key's region. */
  readonly endpoint?: string | undefined;
}

type Context = Readonly<Record<string, string>>;

/** Encrypt and Decrypt with one symmetric key of AWS KMS; nothing else is ever asked of it. */
export function createKmsWrappingApi({ keyArn, endpoint }: KmsWrappingOptions): KmsWrappingApi {
  return new KmsWrappingApi(keyArn, endpoint);
}

const SYMMETRIC = EncryptionAlgorithmSpec.SYMMETRIC_DEFAULT;
const NEEDS = 'a symmetric encryption key (SYMMETRIC_DEFAULT, ENCRYPT_DECRYPT)';
/** What Decrypt answers to bytes, context or key that do not belong together. */
const CHANGED = ['InvalidCiphertextException', 'IncorrectKeyException'];

export class KmsWrappingApi {
  readonly #keyArn: string;
  readonly #client: ReturnType<typeof createKmsClient>;

  constructor(keyArn: string, endpoint: string | undefined) {
    this.#keyArn = keyArn;
    this.#client = createKmsClient({ region: regionOf(keyArn), endpoint });
  }

  async encrypt(
    plaintext: Uint8Array,
    context: Context,
    signal: AbortSignal,
  ): Promise<{ ciphertext: Uint8Array; keyArn: string }> {
    const input = { EncryptionContext: { ...context }, EncryptionAlgorithm: SYMMETRIC, KeyId: this.#keyArn };
    const command = new EncryptCommand({ ...input, Plaintext: plaintext });
    try {
      const { CiphertextBlob, KeyId } = await this.#client.send(command, { abortSignal: signal });
      return { ciphertext: required(CiphertextBlob), keyArn: required(KeyId) };
    } catch (error) {
      throw this.#failure('kms:Encrypt', error, signal);
    }
  }

  async decrypt(
    ciphertext: Uint8Array,
    context: Context,
    signal: AbortSignal,
  ): Promise<{ plaintext: Uint8Array; keyArn: string }> {
    const input = { EncryptionContext: { ...context }, EncryptionAlgorithm: SYMMETRIC, KeyId: this.#keyArn };
    const command = new DecryptCommand({ ...input, CiphertextBlob: ciphertext });
    try {
      const { Plaintext, KeyId } = await this.#client.send(command, { abortSignal: signal });
      return { plaintext: required(Plaintext), keyArn: required(KeyId) };
    } catch (error) {
      const { name } = answerOf(error);
      if (!CHANGED.includes(name)) throw this.#failure('kms:Decrypt', error, signal);
      throw new SpirlError(
        'STORE_CORRUPT',
        `AWS KMS cannot unwrap a data key with key ${this.#keyArn}: it was changed, or belongs elsewhere (${name})`,
        { cause: error },
      );
    }
  }

  #failure(action: string, error: unknown, signal: AbortSignal): unknown {
    if (signal.aborted) return signal.reason;
    return kmsFailure(error, { action, key: this.#keyArn, needs: NEEDS });
  }
}

function required<T>(part: T | undefined): T {
  if (part === undefined) throw new SpirlError('KEY_SERVICE_UNAVAILABLE', 'AWS KMS gave an incomplete answer');
  return part;
}
