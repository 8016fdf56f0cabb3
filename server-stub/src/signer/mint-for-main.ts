import { createPublicKey, sign, type KeyObject } from 'node:crypto';
import type { MessagePort } from 'node:worker_threads';
import type { KeyType, SigningKey } from '../domain/signing-key.js';
import { SIGNATURE_ALGORITHMS } from './algorithms.js';
import {
  countOf,
  ResultWriter,
  unpackRequest,
  type FromWorker,
  type PackedRequests,
  type ToWorker,
} from './mint-batch.js';
import { PlainMint } from './plain-mint.js';
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
  const writer = new ResultWriter();
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
      const results = mintAll(plain, writer, signer, message.requests, isCurrent);
      const reply: FromWorker = { is: 'minted', batch: message.batch, results };
      port.postMessage(reply, [results]);
    }
  });
  const ready: FromWorker = { is: 'ready' };
  port.postMessage(ready);
}

/** Nothing for what fails: the main thread mints it once more and tells the caller what is wrong. */
function mintAll(
  plain: PlainMint,
  results: ResultWriter,
  signer: X509Signer | undefined,
  requests: PackedRequests,
  isCurrent: () => boolean,
): ArrayBuffer {
  const count = countOf(requests);
  for (let index = 0; index < count; index++) {
    if (signer === undefined || !isCurrent()) {
      results.leaveOut();
      continue;
    }
    results.add((out) => {
      const { request, now } = unpackRequest(requests, index);
      return plain.mintInto(signer, request, now, out);
    });
  }
  return results.takeAll();
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
