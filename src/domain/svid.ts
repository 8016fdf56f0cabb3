import type { SpiffeId } from './spiffe-id.js';

/** An X.509-SVID as issued. Immutable. */
export interface X509Svid {
  readonly spiffeId: SpiffeId;
  /** DER, leaf first, then the deployment's CA certificate and further intermediates; never an upstream root. */
  readonly chain: readonly Uint8Array[];
  /** PKCS#8 DER, unencrypted. */
  readonly privateKey: Uint8Array;
  /** Lower-case hex without leading zeros removed, as `openssl x509 -serial` but lower case. */
  readonly serial: string;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** The keyset that signed it. */
  readonly keysetId: string;
  /** What the policy decided, as one opaque text; another text means the SVID would be issued differently today. */
  readonly outcome: string;
  readonly hint: string;
}

/** A JWT-SVID as issued. Immutable. */
export interface JwtSvid {
  readonly spiffeId: SpiffeId;
  /** JWS compact serialisation. A bearer token: never logged. */
  readonly token: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly keysetId: string;
  readonly hint: string;
}
