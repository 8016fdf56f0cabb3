import type { KeyType } from '../domain/signing-key.js';
import { oid, TAG, tlv } from './der.js';

/** How a key type signs: in certificates, in JWTs, and towards the crypto library. */
export interface SignatureAlgorithm {
  /** AlgorithmIdentifier, DER. ECDSA has no parameters, RSA has NULL. */
  readonly identifier: Buffer;
  readonly jwsAlg: 'ES256' | 'ES384' | 'RS256';
  readonly hash: 'sha256' | 'sha384';
  /** ECDSA signatures are r||s at our borders and DER in certificates; RSA ones are the same everywhere. */
  readonly ecdsa: boolean;
}

export const SIGNATURE_ALGORITHMS = {
  'EC-P256': {
    identifier: tlv(TAG.sequence, oid('1.2.840.10045.4.3.2')),
    jwsAlg: 'ES256',
    hash: 'sha256',
    ecdsa: true,
  },
  'EC-P384': {
    identifier: tlv(TAG.sequence, oid('1.2.840.10045.4.3.3')),
    jwsAlg: 'ES384',
    hash: 'sha384',
    ecdsa: true,
  },
  'RSA-2048': {
    identifier: tlv(TAG.sequence, oid('1.2.840.113549.1.1.11'), tlv(TAG.null)),
    jwsAlg: 'RS256',
    hash: 'sha256',
    ecdsa: false,
  },
} as const satisfies Record<KeyType, SignatureAlgorithm>;
