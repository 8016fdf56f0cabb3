import { createPublicKey, verify, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import type { SigningKey } from '../domain/signing-key.js';
import { SIGNATURE_ALGORITHMS, type SignatureAlgorithm } from './algorithms.js';

// The callback form runs in the thread pool.
const verifyInPool = promisify(verify);

/** Makes signatures with one key. What a key outside this process signed is verified before it is handed on. */
export class SignatureMaker {
  readonly algorithm: SignatureAlgorithm;
  readonly #key: SigningKey;
  readonly #publicKey: KeyObject;
  constructor(key: SigningKey) {
    this.algorithm = SIGNATURE_ALGORITHMS[key.type];
    this.#key = key;
    this.#publicKey = createPublicKey({ key: Buffer.from(key.publicKeySpki), format: 'der', type: 'spki' });
  }
  /**
   * Signature of `data`; ECDSA: raw r||s. A promise only where the key is elsewhere.
   * Throws KEY_SERVICE_UNAVAILABLE for a signature that the public key does not confirm.
   */
  sign(data: Uint8Array, signal: AbortSignal): Uint8Array | Promise<Uint8Array> {
    return this.#key.signSync?.(data) ?? this.#signElsewhere(data, signal);
  }

  /** Whether the key is in memory, so that `signSync` may be called. */
  get isSynchronous(): boolean {
    return this.#key.signSync !== undefined;
  }

  /** The same without a turn of the event loop. */
  signSync(data: Uint8Array): Uint8Array {
    const signature = this.#key.signSync?.(data);
    if (signature === undefined) throw new TypeError('a key that is elsewhere cannot sign at once');
    return signature;
  }

  async #signElsewhere(data: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const signature = await this.#key.sign(data, signal);
    const key = this.algorithm.ecdsa
      ? ({ key: this.#publicKey, dsaEncoding: 'ieee-p1363' } as const)
      : { key: this.#publicKey };
    if (!(await verifyInPool(this.algorithm.hash, data, key, signature))) {
      // For example another version of the key: every workload would refuse the SVID.
      this.#key.signedWrongly?.();
      throw new SpirlError('KEY_SERVICE_UNAVAILABLE', `the signature made with key ${this.#key.id} does not verify`);
    }
    return signature;
  }
}
