import { DerReader, oid, TAG } from './der.js';
import { decodeValidity } from './validity.js';

const SUBJECT_KEY_IDENTIFIER = oid('2.5.29.14');
const CONTEXT = { version: 0xa0, issuerId: 0x81, subjectId: 0x82, extensions: 0xa3 } as const;

/** What a leaf copies of the certificate above it, octet by octet: nothing here is encoded anew or recomputed. */
export interface IssuerCertificate {
  /** Name, DER. */
  readonly subject: Buffer;
  /** Value of its subject key identifier; an upstream CA may have computed it in its own way. */
  readonly subjectKeyId: Buffer;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Buffer;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** Reads a CA certificate. Throws MalformedDer, also for one without a subject key identifier. */
export function parseIssuerCertificate(der: Uint8Array): IssuerCertificate {
  const outer = new DerReader(Buffer.from(der));
  const tbs = outer.enter(TAG.sequence).enter(TAG.sequence);
  outer.end();
  tbs.element(CONTEXT.version);
  tbs.element(TAG.integer);
  tbs.element(TAG.sequence);
  tbs.element(TAG.sequence);
  const { notBefore, notAfter } = decodeValidity(tbs.enter(TAG.sequence));
  const subject = Buffer.from(tbs.element(TAG.sequence).whole);
  const spki = Buffer.from(tbs.element(TAG.sequence).whole);
  for (const tag of [CONTEXT.issuerId, CONTEXT.subjectId]) if (tbs.nextTag === tag) tbs.element(tag);
  const subjectKeyId = subjectKeyIdOf(tbs.enter(CONTEXT.extensions).enter(TAG.sequence));
  return { subject, subjectKeyId, spki, notBefore, notAfter };
}

function subjectKeyIdOf(extensions: DerReader): Buffer {
  for (;;) {
    // Runs out of extensions as a MalformedDer: without the identifier no leaf can name its issuer's key.
    const extension = extensions.enter(TAG.sequence);
    const { whole: id } = extension.element(TAG.oid);
    if (extension.nextTag === TAG.boolean) extension.element(TAG.boolean);
    const value = extension.enter(TAG.octetString);
    if (SUBJECT_KEY_IDENTIFIER.equals(id)) return Buffer.from(value.element(TAG.octetString).content);
  }
}
