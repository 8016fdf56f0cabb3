import { createHash } from 'node:crypto';

const LABEL = 'spirl-agent-login-v1';

/** What a cluster key signs at login; both ends build the same bytes from it. */
export interface LoginProofClaims {
  /** 32 bytes, chosen by the server for this stream. */
  readonly nonce: Uint8Array;
  /** `cv-…` */
  readonly clusterVersionId: string;
  /** PKCS#10, DER. */
  readonly csr: Uint8Array;
  /** Name of the endpoint as the server's certificate says it, so that a proof is of no use at another endpoint. */
  readonly endpointName: string;
}

/** The signed bytes: label 0x00, nonce, cluster version id 0x00, SHA-256 of the CSR, endpoint name. */
export function loginProofBytes(claims: LoginProofClaims): Buffer {
  return Buffer.concat([
    Buffer.from(`${LABEL}\0`),
    claims.nonce,
    Buffer.from(`${claims.clusterVersionId}\0`),
    createHash('sha256').update(claims.csr).digest(),
    Buffer.from(claims.endpointName),
  ]);
}
