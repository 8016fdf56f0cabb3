import type { KeyType } from '../../domain/signing-key.js';

/** How KMS names what we need of a key type, and the octets of one half of an ECDSA signature. */
export const KMS_KEY_TYPES = {
  'EC-P256': { keySpec: 'ECC_NIST_P256', algorithm: 'ECDSA_SHA_256', hash: 'sha256', half: 32 },
  'EC-P384': { keySpec: 'ECC_NIST_P384', algorithm: 'ECDSA_SHA_384', hash: 'sha384', half: 48 },
  'RSA-2048': { keySpec: 'RSA_2048', algorithm: 'RSASSA_PKCS1_V1_5_SHA_256', hash: 'sha256', half: undefined },
} as const satisfies Record<KeyType, object>;

export const KMS_KEY_SPECS = ['ECC_NIST_P256', 'ECC_NIST_P384', 'RSA_2048'] as const;

/** Undefined for a spec that we never ask for. */
export function keyTypeOfSpec(keySpec: string): KeyType | undefined {
  const types = Object.keys(KMS_KEY_TYPES) as KeyType[];
  return types.find((type) => KMS_KEY_TYPES[type].keySpec === keySpec);
}
