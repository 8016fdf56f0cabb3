import { createPrivateKey, type KeyObject, sign } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { loginProofBytes } from '../domain/login-proof.js';
import { SpirlError } from '../runtime/errors.js';

/** How this node proves that it belongs to its cluster. */
export interface NodeEvidence {
  /** Answers the server's challenge. Throws INVALID_CONFIG when there is nothing to prove it with. */
  prove(challenge: {
    readonly nonce: Uint8Array;
    readonly endpointName: string;
    readonly csr: Uint8Array;
  }): Promise<{ readonly clusterVersionId: string; readonly signature: Uint8Array }>;
}

export interface ClusterKeyOptions {
  /** `cv-…`, as `spirlctl cluster register` printed it. */
  readonly clusterVersionId: string;
  /** PEM file with the Ed25519 private key (PKCS#8). Read at each login, so that it can be replaced without a restart. */
  readonly keyFile: string;
}

/** Proof of possession of a cluster key. */
export function clusterKeyEvidence({ clusterVersionId, keyFile }: ClusterKeyOptions): NodeEvidence {
  return {
    async prove({ nonce, endpointName, csr }) {
      const key = await readClusterKey(keyFile);
      const signed = loginProofBytes({ nonce, clusterVersionId, csr, endpointName });
      return { clusterVersionId, signature: sign(null, signed, key) };
    },
  };
}

async function readClusterKey(keyFile: string): Promise<KeyObject> {
  let key: KeyObject | undefined;
  try {
    key = createPrivateKey(await readFile(keyFile));
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code ?? 'not a PEM private key';
    throw new SpirlError('INVALID_CONFIG', `the cluster key ${keyFile} cannot be read: ${reason}`, { cause });
  }
  if (key.asymmetricKeyType === 'ed25519') return key;
  throw new SpirlError('INVALID_CONFIG', `the cluster key ${keyFile} is not an Ed25519 private key`);
}
