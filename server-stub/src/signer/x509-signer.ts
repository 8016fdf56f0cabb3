import { hash, type KeyObject } from 'node:crypto';
import type { SpiffeId } from 'spirl-agent/domain/spiffe-id.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import type { KeyType, SigningKey } from '../domain/signing-key.js';
import type { SubjectName } from '../domain/subject-name.js';
import { encodeName } from './distinguished-name.js';
import { type IssuerCertificate, parseIssuerCertificate } from './issuer-certificate.js';
import type { GrowingBuffer } from './growing-buffer.js';
import { LeafTemplate } from './leaf-template.js';
import { SerialNumbers } from './serial-numbers.js';
import { SignatureMaker } from './signature-maker.js';
import { signedCertificate, signedCertificateLength, writeSignedCertificate } from './signed-certificate.js';
import { ValidityEncoder } from './validity.js';

/** A verifier's clock may be behind ours by this much. */
export const BACKDATE_MS = 60_000;
/** One template per subject; subjects may hold attributes of workloads, so there may be many. */
const MAX_TEMPLATES = 256;

/** What one X.509-SVID shall say. */
export interface LeafRequest {
  readonly spiffeId: SpiffeId;
  readonly subject: SubjectName;
  readonly ttlMs: number;
  /** Uncompressed P-256 point, known to be on the curve. */
  readonly publicPoint: Uint8Array;
}

/** A signed leaf. Times are milliseconds since the epoch, as the certificate says them. */
export interface SignedLeaf {
  /** DER. */
  readonly certificate: Buffer;
  /** Lower-case hex. */
  readonly serial: string;
  readonly notBefore: number;
  readonly notAfter: number;
}

/** What another thread needs to sign as this one does. */
export interface SharedIssuer {
  /** DER. */
  readonly caCertificate: Uint8Array;
  readonly keyType: KeyType;
  readonly privateKey: KeyObject;
}

/** What a leaf says besides what was asked for. */
export interface LeafFacts {
  /** A view that the next certificate overwrites. */
  readonly serial: Buffer;
  /** Whole seconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** A leaf but for its signature. All of it is good until the next draft. */
interface Draft extends LeafFacts {
  readonly tbs: Buffer;
}

/** Signs X.509-SVIDs with one CA certificate and its key. Immutable towards its callers; dropped when another keyset signs. */
export class X509Signer {
  /** Only where the key is in this process's memory. */
  readonly shared: SharedIssuer | undefined;
  readonly #issuer: IssuerCertificate;
  readonly #signatures: SignatureMaker;
  readonly #templates = new Map<string, LeafTemplate>();
  #last: { readonly subject: SubjectName; readonly template: LeafTemplate } | undefined;
  readonly #serials = new SerialNumbers();
  readonly #validity = new ValidityEncoder();

  /** `caCertificate`: DER. Throws MalformedDer, and STORE_CORRUPT when certificate and key are no pair. */
  constructor(caCertificate: Uint8Array, key: SigningKey) {
    this.#issuer = parseIssuerCertificate(caCertificate);
    if (!this.#issuer.spki.equals(key.publicKeySpki)) {
      throw new SpirlError('STORE_CORRUPT', `the CA certificate is not one of key ${key.id}`);
    }
    this.#signatures = new SignatureMaker(key);
    const { inMemory } = key;
    this.shared = inMemory && { caCertificate, keyType: key.type, privateKey: inMemory };
  }

  /**
   * Certificate for `request` as of `now`: backdated, and inside the CA's own validity at both ends.
   * Throws UNAVAILABLE when the CA has expired, KEY_SERVICE_UNAVAILABLE when its key cannot be used.
   */
  async sign(request: LeafRequest, now: number, signal: AbortSignal): Promise<SignedLeaf> {
    const passing = this.#draft(request, now);
    const draft = { ...passing, tbs: Buffer.from(passing.tbs), serial: Buffer.from(passing.serial) };
    const pending = this.#signatures.sign(draft.tbs, signal);
    return this.#finished(draft, pending instanceof Promise ? await pending : pending);
  }

  /** Whether the key is in memory, so that `signSync` may be called. */
  get isSynchronous(): boolean {
    return this.#signatures.isSynchronous;
  }

  /** The same without a turn of the event loop. */
  signSync(request: LeafRequest, now: number): SignedLeaf {
    const draft = this.#draft(request, now);
    return this.#finished(draft, this.#signatures.signSync(draft.tbs));
  }

  /** As `signSync`, but writes the certificate to the end of `out`. */
  signInto(request: LeafRequest, now: number, out: GrowingBuffer): LeafFacts {
    const draft = this.#draft(request, now);
    const signature = this.#signatures.signSync(draft.tbs);
    const { algorithm } = this.#signatures;
    const at = out.take(signedCertificateLength(draft.tbs, algorithm, signature));
    writeSignedCertificate(draft.tbs, algorithm, signature, out.bytes, at);
    return draft;
  }

  #draft(request: LeafRequest, now: number): Draft {
    // X509-SVID 3.1: a leaf is not the trust domain itself.
    if (request.spiffeId.path === '')
      throw new SpirlError('INVALID_SPIFFE_ID', 'a workload needs a path in its SPIFFE ID');
    const { notBefore, notAfter } = this.#lifetime(request.ttlMs, now);
    const [encodedNotBefore, encodedNotAfter] = this.#validity.encode(notBefore, notAfter);
    const serial = this.#serials.next();
    const tbs = this.#template(request.subject).tbsUntilNext({
      serial,
      notBefore: encodedNotBefore,
      notAfter: encodedNotAfter,
      publicPoint: request.publicPoint,
      // One character per octet: half the price of a Buffer of its own.
      subjectKeyId: hash('sha1', request.publicPoint, 'binary'),
      uri: request.spiffeId.toString(),
    });
    return { tbs, serial, notBefore, notAfter };
  }

  #finished({ tbs, serial, notBefore, notAfter }: Draft, signature: Uint8Array): SignedLeaf {
    return {
      certificate: signedCertificate(tbs, this.#signatures.algorithm, signature),
      serial: serial.toString('hex'),
      notBefore: notBefore * 1000,
      notAfter: notAfter * 1000,
    };
  }

  /** In whole seconds. */
  #lifetime(ttlMs: number, now: number): { notBefore: number; notAfter: number } {
    const seconds = (ms: number): number => Math.floor(ms / 1000);
    const notBefore = seconds(Math.max(now - BACKDATE_MS, this.#issuer.notBefore));
    const notAfter = seconds(Math.min(now + ttlMs, this.#issuer.notAfter));
    if (notAfter * 1000 <= now || notBefore * 1000 > now) {
      throw new SpirlError('UNAVAILABLE', 'the CA certificate of the active keyset is not valid now');
    }
    return { notBefore, notAfter };
  }

  #template(subject: SubjectName): LeafTemplate {
    // The policy hands out the same object again and again: to compare contents costs more than to fill the template.
    if (this.#last?.subject !== subject) this.#last = { subject, template: this.#templateOf(subject) };
    return this.#last.template;
  }

  #templateOf(subject: SubjectName): LeafTemplate {
    const key = JSON.stringify(subject);
    const known = this.#templates.get(key);
    if (known !== undefined) return known;
    const template = new LeafTemplate({
      signatureAlgorithm: this.#signatures.algorithm.identifier,
      issuer: this.#issuer.subject,
      issuerKeyId: this.#issuer.subjectKeyId,
      subject: encodeName(subject),
    });
    const oldest = this.#templates.size >= MAX_TEMPLATES ? this.#templates.keys().next().value : undefined;
    if (oldest !== undefined) this.#templates.delete(oldest);
    this.#templates.set(key, template);
    return template;
  }
}
