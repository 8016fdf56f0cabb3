import { createHash, createHmac } from 'node:crypto';

type Source = string | ArrayBuffer | ArrayBufferView;

/** SHA-256, with a secret HMAC-SHA-256, in the shape that the signer of AWS asks for. */
export class Sha256 {
  readonly #secret: Uint8Array | undefined;
  #hash: { update(data: Uint8Array): unknown; digest(): Buffer };
  constructor(secret?: Source) {
    this.#secret = secret === undefined ? undefined : bytesOf(secret);
    this.#hash = begin(this.#secret);
  }
  update(data: Source): void {
    this.#hash.update(bytesOf(data));
  }
  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest());
  }
  reset(): void {
    this.#hash = begin(this.#secret);
  }
}

function begin(secret: Uint8Array | undefined): { update(data: Uint8Array): unknown; digest(): Buffer } {
  return secret === undefined ? createHash('sha256') : createHmac('sha256', secret);
}

function bytesOf(data: Source): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data, 'utf8');
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}
