import { canonicalJson } from 'spirl-agent/runtime/canonical-json.js';
import type { Clock } from 'spirl-agent/runtime/clock.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { boundedCall } from './bounded-call.js';
import { DEK_BYTES, type WrapContext, type Wrapper } from './wrapper.js';

const NAME = 'azureManagedHSM';
const IV_BYTES = 12;
const TAG_BYTES = 16;
const OPERATIONS = ['encrypt', 'decrypt'];

/** The three calls we make to a Managed HSM, on one key. Encryption is A256GCM; the service makes the iv. */
export interface HsmApi {
  /** The newest version, or the given one. */
  getKey(version: string | undefined, signal: AbortSignal): Promise<HsmKey>;
  encrypt(version: string, plaintext: Uint8Array, aad: Uint8Array, signal: AbortSignal): Promise<HsmEncrypted>;
  /** Throws STORE_CORRUPT when the parts do not belong together. */
  decrypt(version: string, encrypted: HsmEncrypted, aad: Uint8Array, signal: AbortSignal): Promise<Uint8Array>;
}

export interface HsmKey {
  readonly version: string;
  /** `oct-HSM` is what is needed. */
  readonly type: string;
  readonly operations: readonly string[];
  readonly enabled: boolean;
}

export interface HsmEncrypted {
  readonly ciphertext: Uint8Array;
  readonly iv: Uint8Array;
  readonly tag: Uint8Array;
}

export interface HsmWrapperOptions {
  /** `https://<name>.managedhsm.azure.net`, without a slash at its end. */
  readonly vaultUrl: string;
  readonly keyName: string;
  /** Absent: the newest version at each wrap. */
  readonly keyVersion?: string | undefined;
  readonly api: HsmApi;
  readonly clock: Clock;
}

/** Wraps under an AES-256 key of an Azure Managed HSM. Each wrapped data key names the version that opens it. */
export function openHsmWrapper(options: HsmWrapperOptions): Wrapper {
  const { api, clock, keyVersion } = options;
  const kek = `${options.vaultUrl}/keys/${options.keyName}`;
  const call = <T>(action: string, work: (inTime: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> =>
    boundedCall(`Azure Managed HSM, ${action} with key ${kek}`, work, clock, signal);
  return {
    name: NAME,
    kek,
    wrap: async (dek, context, signal) => {
      const key = await call('key get', (inTime) => api.getKey(keyVersion, inTime), signal);
      checkKey(key, kek);
      const encrypt = (inTime: AbortSignal) => api.encrypt(key.version, dek, authenticated(context), inTime);
      const { iv, ciphertext, tag } = await call('encrypt', encrypt, signal);
      return { bytes: Buffer.concat([iv, ciphertext, tag]), version: key.version };
    },
    unwrap: async ({ bytes, version }, context, signal) => {
      if (version === undefined || bytes.length !== IV_BYTES + DEK_BYTES + TAG_BYTES) throw changed(kek);
      const encrypted = {
        iv: bytes.subarray(0, IV_BYTES),
        ciphertext: bytes.subarray(IV_BYTES, -TAG_BYTES),
        tag: bytes.subarray(-TAG_BYTES),
      };
      const decrypt = (inTime: AbortSignal) => api.decrypt(version, encrypted, authenticated(context), inTime);
      return Buffer.from(await call('decrypt', decrypt, signal));
    },
  };
}

const authenticated = (context: WrapContext): Uint8Array => Buffer.from(canonicalJson(context));

/** What the service would refuse less clearly, or at the first decryption only. */
function checkKey({ type, operations, enabled, version }: HsmKey, kek: string): void {
  const refuse = (why: string): never => {
    throw new SpirlError('KEY_SERVICE_REFUSED', `Azure Managed HSM: key ${kek}, version ${version}, ${why}`);
  };
  if (type !== 'oct-HSM')
    refuse(`is of type ${type} and cannot do A256GCM: an AES-256 key (--kty oct --size 256) is needed`);
  const missing = OPERATIONS.filter((operation) => !operations.includes(operation));
  if (missing.length > 0) refuse(`does not allow ${missing.join(' and ')}: it needs --ops encrypt decrypt`);
  if (!enabled) refuse('is disabled: encrypt is not possible until it is enabled');
}

function changed(kek: string): SpirlError {
  return new SpirlError('STORE_CORRUPT', `a data key wrapped by "${NAME}" with key ${kek} was changed`);
}
