import { type KeyObject, randomBytes, verify } from 'node:crypto';
import { loginProofBytes } from 'spirl-agent/domain/login-proof.js';
import type { Clock } from 'spirl-agent/runtime/clock.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';

const NONCE_BYTES = 32;
export const CHALLENGE_LIFETIME_MS = 30_000;

/** What is needed of the clusters. */
export interface ClusterKeys {
  publicKey(clusterId: string, clusterVersionId: string): KeyObject | undefined;
}

/** What an agent says of itself at login. */
export interface LoginClaims {
  readonly clusterId: string;
  readonly clusterVersionId: string;
  /** PKCS#10, DER. */
  readonly csr: Uint8Array;
  /** Ed25519, 64 bytes. */
  readonly signature: Uint8Array;
}

/** One challenge. It belongs to one login stream and can be answered once. */
export interface LoginChallenge {
  readonly nonce: Buffer;
  readonly endpointName: string;
  /** Returns when the signature is right. Throws UNAUTHENTICATED; also at any second call, whatever the first one gave. */
  prove(claims: LoginClaims): void;
}

/** Node attestation by cluster key: the agent proves that it has the private half of one of its cluster's keys. */
export class ClusterKeyAttestation {
  readonly #clusters: ClusterKeys;
  readonly #clock: Clock;
  readonly #endpointName: string;

  constructor(clusters: ClusterKeys, clock: Clock, endpointName: string) {
    this.#clusters = clusters;
    this.#clock = clock;
    this.#endpointName = endpointName;
  }

  challenge(): LoginChallenge {
    const nonce = randomBytes(NONCE_BYTES);
    const answerBy = this.#clock.monotonic() + CHALLENGE_LIFETIME_MS;
    let used = false;
    return {
      nonce,
      endpointName: this.#endpointName,
      prove: (claims) => {
        if (used) throw new SpirlError('UNAUTHENTICATED', 'the challenge was answered already');
        used = true;
        if (this.#clock.monotonic() > answerBy) {
          throw new SpirlError(
            'UNAUTHENTICATED',
            `the challenge was not answered within ${CHALLENGE_LIFETIME_MS / 1000} s`,
          );
        }
        this.#check(nonce, claims);
      },
    };
  }

  #check(nonce: Buffer, claims: LoginClaims): void {
    const { clusterVersionId, csr } = claims;
    const key = this.#clusters.publicKey(claims.clusterId, clusterVersionId);
    const signed = loginProofBytes({ nonce, clusterVersionId, csr, endpointName: this.#endpointName });
    if (key !== undefined && verify(null, signed, key, claims.signature)) return;
    // One sentence for every reason: it tells nobody which clusters and keys there are.
    throw new SpirlError(
      'UNAUTHENTICATED',
      'the cluster key proof was not accepted: the cluster is unknown, or its key was deleted or is another one',
    );
  }
}
