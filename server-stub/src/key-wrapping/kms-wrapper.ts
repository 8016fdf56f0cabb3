import type { Clock } from 'spirl-agent/runtime/clock.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { boundedCall } from './bounded-call.js';
import { DEK_BYTES, type WrapContext, type Wrapper } from './wrapper.js';

const NAME = 'awsKMS';

/** The two calls we make to AWS KMS, on one key. `keyArn` is the key that the service says it used. */
export interface KmsApi {
  encrypt(plaintext: Uint8Array, context: WrapContext, signal: AbortSignal): Promise<KmsEncrypted>;
  /** Throws STORE_CORRUPT when `ciphertext`, context and key do not belong together. */
  decrypt(ciphertext: Uint8Array, context: WrapContext, signal: AbortSignal): Promise<KmsDecrypted>;
}

export interface KmsEncrypted {
  readonly ciphertext: Uint8Array;
  readonly keyArn: string;
}

export interface KmsDecrypted {
  readonly plaintext: Uint8Array;
  readonly keyArn: string;
}

export interface KmsWrapperOptions {
  readonly keyArn: string;
  readonly api: KmsApi;
  readonly clock: Clock;
}

/** Wraps under a symmetric key of AWS KMS. The service keeps track of the versions of its key material by itself. */
export function openKmsWrapper({ keyArn, api, clock }: KmsWrapperOptions): Wrapper {
  const what = (action: string): string => `AWS KMS, ${action} on key ${keyArn}`;
  return {
    name: NAME,
    kek: keyArn,
    wrap: async (dek, context, signal) => {
      const call = (inTime: AbortSignal) => api.encrypt(dek, context, inTime);
      const answer = await boundedCall(what('kms:Encrypt'), call, clock, signal);
      requireKey(keyArn, answer.keyArn);
      return { bytes: answer.ciphertext };
    },
    unwrap: async ({ bytes }, context, signal) => {
      // The service refuses an empty blob as a wrong request, not as a changed one.
      if (bytes.length === 0) throw changed(keyArn);
      const call = (inTime: AbortSignal) => api.decrypt(bytes, context, inTime);
      const answer = await boundedCall(what('kms:Decrypt'), call, clock, signal);
      requireKey(keyArn, answer.keyArn);
      if (answer.plaintext.length !== DEK_BYTES) throw changed(keyArn);
      return Buffer.from(answer.plaintext);
    },
  };
}

function requireKey(configured: string, used: string): void {
  if (used === configured) return;
  throw new SpirlError('KEY_SERVICE_REFUSED', `AWS KMS used key ${used} when it was asked to use ${configured}`);
}

function changed(keyArn: string): SpirlError {
  return new SpirlError('STORE_CORRUPT', `a data key wrapped by "${NAME}" with key ${keyArn} was changed`);
}
