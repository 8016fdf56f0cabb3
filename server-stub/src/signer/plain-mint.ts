import type { SpiffeId } from 'spirl-agent/domain/spiffe-id.js';
import type { SubjectName } from '../domain/subject-name.js';
import type { GrowingBuffer } from './growing-buffer.js';
import { PKCS8_LENGTH, WorkloadKeys } from './workload-key.js';
import type { LeafFacts, SignedLeaf, X509Signer } from './x509-signer.js';

/** What one X.509-SVID shall say. */
export interface MintRequest {
  readonly spiffeId: SpiffeId;
  readonly subject: SubjectName;
  readonly ttlMs: number;
  /** Uncompressed P-256 point, known to be on the curve; absent: a key is made too. */
  readonly publicPoint?: Uint8Array;
}

/** A signed leaf with its key. */
export interface Minted extends SignedLeaf {
  /** PKCS#8 DER; empty when somebody else made the key. */
  readonly privateKey: Uint8Array;
}

/** What was written of a leaf with its key. */
export interface MintedInto {
  readonly keyLength: number;
  readonly leaf: LeafFacts;
}

/** Mints in the thread that calls: what a mint worker does as well, and what it is measured against. */
export class PlainMint {
  readonly #keys = new WorkloadKeys();

  /** Throws what `X509Signer.sign` throws. */
  async mint(signer: X509Signer, request: MintRequest, now: number, signal: AbortSignal): Promise<Minted> {
    const key = this.#keyOf(request);
    const leaf = await signer.sign({ ...request, publicPoint: key.publicPoint }, now, signal);
    return { ...leaf, privateKey: key.privateKey };
  }

  /** The same without a turn of the event loop, with a key in memory. */
  mintSync(signer: X509Signer, { spiffeId, subject, ttlMs, publicPoint: given }: MintRequest, now: number): Minted {
    const { publicPoint, privateKey } = given === undefined ? this.#keys.next() : agentKey(given);
    const { certificate, serial, notBefore, notAfter } = signer.signSync(
      { spiffeId, subject, ttlMs, publicPoint },
      now,
    );
    return { certificate, serial, notBefore, notAfter, privateKey };
  }

  /** As `mintSync`, but writes the key (nothing when somebody else made it), then the certificate, to the end of `out`. */
  mintInto(signer: X509Signer, request: MintRequest, now: number, out: GrowingBuffer): MintedInto {
    const { spiffeId, subject, ttlMs, publicPoint: given } = request;
    const keyLength = given === undefined ? PKCS8_LENGTH : 0;
    const keyAt = out.take(keyLength);
    const publicPoint = given ?? this.#keys.nextInto(out.bytes, keyAt);
    return { keyLength, leaf: signer.signInto({ spiffeId, subject, ttlMs, publicPoint }, now, out) };
  }

  #keyOf({ publicPoint }: MintRequest): { readonly publicPoint: Uint8Array; readonly privateKey: Uint8Array } {
    return publicPoint === undefined ? this.#keys.next() : agentKey(publicPoint);
  }
}

function agentKey(publicPoint: Uint8Array): { readonly publicPoint: Uint8Array; readonly privateKey: Uint8Array } {
  return { publicPoint, privateKey: new Uint8Array() };
}
