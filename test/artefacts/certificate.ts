import { createPublicKey, verify, type KeyObject } from 'node:crypto';
import {
  allValues,
  bitOctets,
  booleanOf,
  children,
  expectTag,
  firstValue,
  integerOf,
  namedBits,
  oidOf,
  onlyValue,
  TAG,
  timeOf,
  type DerValue,
} from './der.js';

export interface Extension {
  readonly critical: boolean;
  readonly value: Buffer;
}

/** A name of a certificate's SAN: the context tag's number and its text. */
export interface AlternativeName {
  readonly kind: number;
  readonly text: string;
}

/** A certificate as this reader sees it. */
export interface Certificate {
  readonly der: Buffer;
  readonly signed: Buffer;
  readonly version: number;
  readonly serial: bigint;
  readonly serialOctets: number;
  /** OIDs of the signature algorithm inside and outside of the signed part. */
  readonly algorithms: readonly [inner: string, outer: string];
  readonly signature: Buffer;
  /** DER of the names. */
  readonly issuer: Buffer;
  readonly subject: Buffer;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly publicKey: KeyObject;
  readonly spki: Buffer;
  /** By OID. */
  readonly extensions: ReadonlyMap<string, Extension>;
}

export const OID = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAlternativeName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const;

export const URI_NAME = 6;
export const EMPTY_NAME = Buffer.from('3000', 'hex');

/** Reads one certificate. Throws when it is not DER of RFC 5280. */
export function readCertificate(der: Buffer): Certificate {
  const [tbs, outer, signature, ...tooMany] = children(onlyValue(der, TAG.sequence), TAG.sequence);
  if (tooMany.length > 0 || tbs === undefined) throw new Error('not a certificate');
  const fields = children(tbs, TAG.sequence);
  const explicit = fields[0]?.tag === 0xa0 ? fields.shift() : undefined;
  const version = explicit === undefined ? 1 : Number(integerOf(firstValue(explicit.content))) + 1;
  const [serial, inner, issuer, validity, subject, spki, ...rest] = fields;
  const [notBefore, notAfter] = children(validity, TAG.sequence);
  const extensions = rest.find(({ tag }) => tag === 0xa3);
  if (rest.some(({ tag }) => tag !== 0xa3)) throw new Error('unique identifiers are not for SVIDs');
  return {
    der,
    signed: tbs.whole,
    version,
    serial: integerOf(serial),
    serialOctets: serial?.content.length ?? 0,
    algorithms: [algorithmOf(inner), algorithmOf(outer)],
    signature: bitOctets(signature),
    issuer: expectTag(issuer, TAG.sequence).whole,
    subject: expectTag(subject, TAG.sequence).whole,
    notBefore: timeOf(notBefore),
    notAfter: timeOf(notAfter),
    publicKey: createPublicKey({ key: expectTag(spki, TAG.sequence).whole, format: 'der', type: 'spki' }),
    spki: expectTag(spki, TAG.sequence).whole,
    extensions: extensionsOf(extensions),
  };
}

/** Reads concatenated certificates. */
export function readCertificates(der: Buffer): Certificate[] {
  return allValues(der).map(({ whole }) => readCertificate(whole));
}

function algorithmOf(value: DerValue | undefined): string {
  return oidOf(children(value, TAG.sequence)[0]);
}

function extensionsOf(explicit: DerValue | undefined): Map<string, Extension> {
  const found = new Map<string, Extension>();
  if (explicit === undefined) return found;
  for (const entry of children(onlyValue(explicit.content, TAG.sequence), TAG.sequence)) {
    const [oid, second, third] = children(entry, TAG.sequence);
    const id = oidOf(oid);
    if (found.has(id)) throw new Error(`the extension ${id} is there twice`);
    if (third !== undefined && second !== undefined && !booleanOf(second))
      throw new Error(`${id}: critical FALSE is written out`);
    found.set(id, { critical: third !== undefined, value: expectTag(third ?? second, TAG.octetString).content });
  }
  return found;
}

/** Bits of KeyUsage by number (0 digitalSignature, 5 keyCertSign, 6 cRLSign); `undefined` when there is none. */
export function keyUsageOf({ extensions }: Certificate): number[] | undefined {
  const extension = extensions.get(OID.keyUsage);
  return extension === undefined ? undefined : namedBits(onlyValue(extension.value, TAG.bitString));
}

export function extendedKeyUsageOf({ extensions }: Certificate): string[] | undefined {
  const extension = extensions.get(OID.extendedKeyUsage);
  return extension === undefined
    ? undefined
    : children(onlyValue(extension.value, TAG.sequence), TAG.sequence).map(oidOf);
}

export function basicConstraintsOf({ extensions }: Certificate): { ca: boolean; pathLength?: number } {
  const extension = extensions.get(OID.basicConstraints);
  if (extension === undefined) return { ca: false };
  const fields = children(onlyValue(extension.value, TAG.sequence), TAG.sequence);
  const ca = fields[0]?.tag === TAG.boolean && booleanOf(fields[0]);
  if (fields[0]?.tag === TAG.boolean && !ca) throw new Error('cA FALSE is written out');
  const length = fields.find(({ tag }) => tag === TAG.integer);
  if (length === undefined) return { ca };
  if (!ca) throw new Error('a path length without cA');
  return { ca, pathLength: Number(integerOf(length)) };
}

export function alternativeNamesOf({ extensions }: Certificate): AlternativeName[] {
  const extension = extensions.get(OID.subjectAlternativeName);
  if (extension === undefined) return [];
  return children(onlyValue(extension.value, TAG.sequence), TAG.sequence).map(({ tag, content }) => ({
    kind: tag & 0x1f,
    text: content.toString('latin1'),
  }));
}

export function keyIdentifierOf({ extensions }: Certificate): Buffer | undefined {
  const extension = extensions.get(OID.subjectKeyIdentifier);
  return extension === undefined ? undefined : onlyValue(extension.value, TAG.octetString).content;
}

export function authorityKeyIdentifierOf({ extensions }: Certificate): Buffer | undefined {
  const extension = extensions.get(OID.authorityKeyIdentifier);
  if (extension === undefined) return undefined;
  return children(onlyValue(extension.value, TAG.sequence), TAG.sequence).find(({ tag }) => tag === 0x80)?.content;
}

const HASHES: Record<string, string> = {
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
};

/** Whether `issuer`'s key made the signature and the names fit. */
export function isSignedBy(certificate: Certificate, issuer: Certificate): boolean {
  const hash = HASHES[certificate.algorithms[1]];
  if (hash === undefined) throw new Error(`signature algorithm ${certificate.algorithms[1]} is not one for SVIDs`);
  return (
    certificate.issuer.equals(issuer.subject) &&
    verify(hash, certificate.signed, issuer.publicKey, certificate.signature)
  );
}
