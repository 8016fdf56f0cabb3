/** An X.509 authority of a bundle. */
export interface X509Authority {
  readonly certificate: Uint8Array;
}

/** A JWT authority of a bundle. */
export interface JwtAuthority {
  readonly keyId: string;
  /** Public key as a JWK with kty, crv, x, y (or n, e); without kid and use. */
  readonly publicJwk: Readonly<Record<string, string>>;
}

/** The trust bundle of one trust domain. Immutable. */
export interface TrustBundle {
  readonly trustDomain: string;
  /** Grows with every change of content (`spiffe_sequence`). */
  readonly sequence: number;
  readonly refreshHintSeconds: number;
  readonly x509Authorities: readonly X509Authority[];
  readonly jwtAuthorities: readonly JwtAuthority[];
}

/** Keyset id to its state, as one deployment says at (epoch, revision). A keyset that is not listed no longer lives. */
export interface DeploymentKeysets {
  readonly deploymentId: string;
  /** Raised when a store is restored from a copy; orders before the revision. */
  readonly epoch: number;
  readonly revision: number;
  readonly keysets: Readonly<Record<string, 'PREPARED' | 'ACTIVE' | 'TAINTED'>>;
}

/** JWKS (RFC 7517) with the JWT authorities: what FetchJWTBundles serves. */
export function jwksOf(bundle: TrustBundle): { keys: readonly Record<string, string>[] } {
  return { keys: bundle.jwtAuthorities.map((key) => ({ ...key.publicJwk, kid: key.keyId })) };
}

/** The SPIFFE bundle document (SPIFFE_Trust_Domain_and_Bundle 4). X.509 entries have no kid, JWT entries have one. */
export function spiffeBundleOf(
  bundle: TrustBundle,
  x509Jwk: (certificate: Uint8Array) => Record<string, string>,
): object {
  return {
    spiffe_sequence: bundle.sequence,
    spiffe_refresh_hint: bundle.refreshHintSeconds,
    keys: [
      ...bundle.x509Authorities.map(({ certificate }) => ({
        ...x509Jwk(certificate),
        use: 'x509-svid',
        x5c: [Buffer.from(certificate).toString('base64')],
      })),
      ...bundle.jwtAuthorities.map((key) => ({ ...key.publicJwk, use: 'jwt-svid', kid: key.keyId })),
    ],
  };
}
