import { createPublicKey, sign, type KeyObject } from 'node:crypto';
import type { MessagePort } from 'node:worker_threads';
import type { KeyType, SigningKey } from '../domain/signing-key.js';
import { SIGNATURE_ALGORITHMS } from './algorithms.js';
import {
  countOf,
  packResults,
  unpackRequest,
  type FromWorker,
  type PackedRequests,
  type ToWorker,
} from './mint-batch.js';
import { PlainMint, type Minted } from './plain-mint.js';
import { X509Signer } from './x509-signer.js';

/** The number of the issuer that signs now, 0 for none; the main thread writes it, every worker reads it before each signature. */
export const CURRENT_ISSUER = 0;

interface Issuer {
  readonly number: number;
  readonly signer: X509Signer;
}

/**
 * Mints the batches that come through `port`, until it is closed. Nothing is signed for an issuer that is not, or no more, the
 * one in `shared[CURRENT_ISSUER]`; what is refused, or fails, comes back as nothing, and the main thread says why.
 */
export function mintForMain(port: Pick<MessagePort, 'on' | 'postMessage'>, shared: Int32Array): void {
  const plain = new PlainMint();
  let issuer: Issuer | undefined;
  port.on('message', (message: ToWorker) => {
    if (message.is === 'issuer') {
      issuer = issuerOf(message.issuer, message.shared);
    } else if (message.is === 'retired') {
      // With it goes this thread's handle of the private key.
      if (issuer?.number === message.issuer) issuer = undefined;
    } else {
      const signer = issuer?.number === message.issuer ? issuer.signer : undefined;
      const isCurrent = (): boolean => Atomics.load(shared, CURRENT_ISSUER) === message.issuer;
      const results = packResults(mintAll(plain, signer, message.requests, isCurrent));
      const reply: FromWorker = { is: 'minted', batch: message.batch, results };
      port.postMessage(reply, [results]);
    }
  });
  const ready: FromWorker = { is: 'ready' };
  port.postMessage(ready);
}

function mintAll(
  plain: PlainMint,
  signer: X509Signer | undefined,
  requests: PackedRequests,
  isCurrent: () => boolean,
): readonly (Minted | undefined)[] {
  return Array.from({ length: countOf(requests) }, (_, index) => {
    if (signer === undefined || !isCurrent()) return undefined;
    try {
      const { request, now } = unpackRequest(requests, index);
      return plain.mintSync(signer, request, now);
    } catch {
      // Minted once more by the main thread, which tells the caller what is wrong.
      return undefined;
    }
  });
}

/** Undefined when certificate and key are no pair: nothing is minted with them. */
function issuerOf(
  number: number,
  { caCertificate, keyType, privateKey }: X509Signer['shared'] & object,
): Issuer | undefined {
  try {
    return { number, signer: new X509Signer(caCertificate, sharedKey(keyType, privateKey)) };
  } catch {
    return undefined;
  }
}

/** The main thread's key: a KeyObject that is sent to a thread is another handle of the same key. */
function sharedKey(type: KeyType, privateKey: KeyObject): SigningKey {
  const { hash } = SIGNATURE_ALGORITHMS[type];
  const key = { key: privateKey, dsaEncoding: 'ieee-p1363' } as const;
  const signSync = (data: Uint8Array): Uint8Array => sign(hash, data, key);
  const publicKeySpki = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  return { id: 'shared', type, publicKeySpki, sign: (data) => Promise.resolve(signSync(data)), signSync };
}
