import type { TrustDomain } from 'spirl-agent/domain/trust-domain.js';
import type { SigningKey } from '../domain/signing-key.js';

/** A CA certificate wanted for a new keyset. */
export interface CaRequest {
  readonly key: SigningKey;
  readonly keysetId: string;
  readonly trustDomain: TrustDomain;
  /** A wish: an authority may give less, and the keyset then lives shorter. */
  readonly preferredTtlMs: number;
}

/** A CA certificate and what relying parties need to verify it. Certificates are DER. */
export interface MintedCa {
  readonly caCertificate: Uint8Array;
  /** From the CA towards the root, which is not among them. */
  readonly intermediates: readonly Uint8Array[];
  /** What goes into the trust bundle. */
  readonly x509Authorities: readonly Uint8Array[];
  /** Of `caCertificate`, milliseconds since the epoch. */
  readonly notAfter: number;
}

/** Whoever vouches for a deployment's CA: asked once per keyset, at rotation. */
export interface UpstreamAuthority {
  mintCa(request: CaRequest, signal: AbortSignal): Promise<MintedCa>;
}
