import type { webcrypto } from 'node:crypto';
import type { KeyType, SigningKey } from '../domain/signing-key.js';

/** As the certificate library names what each key type does. */
export const KEY_ALGORITHMS = {
  'EC-P256': { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  'EC-P384': { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' },
  'RSA-2048': { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
} as const satisfies Record<KeyType, object>;

/** The library signs through a Crypto object; this one asks the key, wherever it lives. Both speak raw r||s. */
export function signingThrough(key: SigningKey, signal: AbortSignal): webcrypto.Crypto {
  const sign = async (_algorithm: unknown, _key: unknown, data: ArrayBuffer): Promise<ArrayBuffer> =>
    Uint8Array.from(await key.sign(new Uint8Array(data), signal)).buffer;
  const exportKey = (): Promise<ArrayBuffer> => Promise.resolve(Uint8Array.from(key.publicKeySpki).buffer);
  return { subtle: { sign, exportKey } } as unknown as webcrypto.Crypto;
}
