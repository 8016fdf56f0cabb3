import { createPublicKey, type KeyObject } from 'node:crypto';

/** Key types that sign SVIDs. */
export type KeyType = 'EC-P256' | 'EC-P384' | 'RSA-2048';

/** A key that signs, wherever it lives. */
export interface SigningKey {
  readonly id: string;
  readonly type: KeyType;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKeySpki: Uint8Array;
  /** What its service calls it (an ARN, a URL): a public name, kept with the keyset. */
  readonly reference?: string;
  /** Signs `data` (not a digest) with SHA-256 (P-384: SHA-384). ECDSA signatures are raw r||s, whatever the service returns. */
  sign(data: Uint8Array, signal: AbortSignal): Promise<Uint8Array>;
  /** The same without a turn of the event loop; only keys in memory have it. */
  signSync?(data: Uint8Array): Uint8Array;
  /** The private key itself where it is in memory, for other threads of this process: they share it, its octets are not copied. */
  readonly inMemory?: KeyObject;
  /** To be told of a signature that the public key did not confirm: an alarm. */
  signedWrongly?(): void;
}

/** The key type of a public key (SubjectPublicKeyInfo, DER); undefined for one that signs no SVIDs. */
export function keyTypeOf(publicKeySpki: Uint8Array): KeyType | undefined {
  const key = createPublicKey({ key: Buffer.from(publicKeySpki), format: 'der', type: 'spki' });
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {};
  if (namedCurve === 'prime256v1') return 'EC-P256';
  if (namedCurve === 'secp384r1') return 'EC-P384';
  return key.asymmetricKeyType === 'rsa' && modulusLength === 2048 ? 'RSA-2048' : undefined;
}
