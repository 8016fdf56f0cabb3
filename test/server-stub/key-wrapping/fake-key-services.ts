import { randomBytes } from 'node:crypto';
import { decryptAesGcm, encryptAesGcm } from '../../../server-stub/src/key-wrapping/aes-gcm.js';
import type { HsmApi, HsmKey } from '../../../server-stub/src/key-wrapping/hsm-wrapper.js';
import type { KmsApi } from '../../../server-stub/src/key-wrapping/kms-wrapper.js';
import { canonicalJson } from '../../../src/runtime/canonical-json.js';
import { SpirlError } from '../../../src/runtime/errors.js';

const changed = () => new SpirlError('STORE_CORRUPT', 'it was changed');

/** One symmetric key of AWS KMS, with the rules of the service that wrapping meets. */
export class FakeKms implements KmsApi {
  readonly calls: { readonly action: string; readonly bytes: number; readonly context: object }[] = [];
  readonly #key = randomBytes(32);
  /** Thrown instead of working. */
  failure: Error | undefined;
  /** What each answer says it was done with. */
  keyArn: string;

  constructor(keyArn: string) {
    this.keyArn = keyArn;
  }

  encrypt(plaintext: Uint8Array, context: Readonly<Record<string, string>>) {
    this.calls.push({ action: 'Encrypt', bytes: plaintext.length, context });
    if (this.failure !== undefined) return Promise.reject(this.failure);
    const { nonce, ciphertext } = encryptAesGcm(this.#key, plaintext, canonicalJson(context));
    return Promise.resolve({ ciphertext: Buffer.concat([nonce, ciphertext]), keyArn: this.keyArn });
  }

  decrypt(blob: Uint8Array, context: Readonly<Record<string, string>>) {
    this.calls.push({ action: 'Decrypt', bytes: blob.length, context });
    if (this.failure !== undefined) return Promise.reject(this.failure);
    const encrypted = { nonce: Buffer.from(blob.subarray(0, 12)), ciphertext: Buffer.from(blob.subarray(12)) };
    const plaintext = decryptAesGcm(this.#key, encrypted, canonicalJson(context));
    return plaintext === undefined ? Promise.reject(changed()) : Promise.resolve({ plaintext, keyArn: this.keyArn });
  }
}

/** One AES key of a Managed HSM, with its versions. */
export class FakeHsm implements HsmApi {
  readonly calls: string[] = [];
  readonly #versions: { readonly id: string; readonly key: Buffer }[] = [];
  /** Thrown instead of working. */
  failure: Error | undefined;
  /** What `getKey` says, besides the version. */
  shape: Omit<HsmKey, 'version'> = { type: 'oct-HSM', operations: ['encrypt', 'decrypt'], enabled: true };

  constructor() {
    this.rotate();
  }

  /** Makes a new version; answers its id. */
  rotate(): string {
    const id = randomBytes(16).toString('hex');
    this.#versions.push({ id, key: randomBytes(32) });
    return id;
  }

  async getKey(version: string | undefined): Promise<HsmKey> {
    await this.#called('get');
    return {
      ...this.shape,
      version: version === undefined ? (this.#versions.at(-1)?.id ?? '') : this.#find(version).id,
    };
  }

  async encrypt(version: string, plaintext: Uint8Array, aad: Uint8Array) {
    await this.#called('encrypt');
    const { nonce, ciphertext } = encryptAesGcm(this.#find(version).key, plaintext, Buffer.from(aad).toString());
    return { iv: nonce, ciphertext: ciphertext.subarray(0, -16), tag: ciphertext.subarray(-16) };
  }

  async decrypt(
    version: string,
    { iv, ciphertext, tag }: { iv: Uint8Array; ciphertext: Uint8Array; tag: Uint8Array },
    aad: Uint8Array,
  ) {
    await this.#called('decrypt');
    const encrypted = { nonce: Buffer.from(iv), ciphertext: Buffer.concat([ciphertext, tag]) };
    const plaintext = decryptAesGcm(this.#find(version).key, encrypted, Buffer.from(aad).toString());
    if (plaintext === undefined) throw changed();
    return plaintext;
  }

  #called(action: string): Promise<void> {
    this.calls.push(action);
    return this.failure === undefined ? Promise.resolve() : Promise.reject(this.failure);
  }

  #find(id: string) {
    const version = this.#versions.find((v) => v.id === id);
    if (version === undefined) throw new SpirlError('KEY_SERVICE_REFUSED', `no version ${id}`);
    return version;
  }
}
