import { X509Certificate, type KeyObject } from 'node:crypto';
import * as x509 from 'spirl-agent/runtime/x509.js';

/** A certificate of an answer, read once. Times are milliseconds since the epoch. */
export interface ChainCertificate {
  readonly der: Uint8Array;
  readonly node: X509Certificate;
  readonly parsed: x509.X509Certificate;
  readonly notBefore: number;
  readonly notAfter: number;
}

/** Reads everything that is looked at later, so that whatever the parsers throw for odd bytes is thrown here. */
export function readCertificate(bytes: Uint8Array): ChainCertificate {
  const der = Uint8Array.from(bytes);
  const node = new X509Certificate(der);
  const parsed = new x509.X509Certificate(der);
  const times = { notBefore: Date.parse(node.validFrom), notAfter: Date.parse(node.validTo) };
  const read: readonly unknown[] = [
    parsed.extensions,
    parsed.signatureAlgorithm,
    parsed.subject,
    parsed.issuer,
    node.publicKey,
    node.ca,
  ];
  if (read.includes(undefined) || Object.values(times).some(Number.isNaN)) throw new Error('an incomplete certificate');
  return { der, node, parsed, ...times };
}

export function isSame(a: ChainCertificate, b: ChainCertificate): boolean {
  return Buffer.from(a.der).equals(b.der);
}

/** Signed by `issuer`, and named so byte for byte, as strict verifiers want it. */
export function isSignedBy(certificate: ChainCertificate, issuer: ChainCertificate): boolean {
  const [name, subject] = [certificate.parsed.issuerName, issuer.parsed.subjectName];
  if (!Buffer.from(name.toArrayBuffer()).equals(Buffer.from(subject.toArrayBuffer()))) return false;
  try {
    return certificate.node.verify(issuer.node.publicKey);
  } catch {
    // A key that cannot have made it.
    return false;
  }
}

/** Whether it says that it is a CA; what it may do as one is its key usage. */
export function isCa({ parsed }: ChainCertificate): boolean {
  return parsed.getExtension(x509.BasicConstraintsExtension)?.ca === true;
}

export function isSelfSigned(certificate: ChainCertificate): boolean {
  return isSignedBy(certificate, certificate);
}

/** Undefined: no limit. */
export function pathLengthOf({ parsed }: ChainCertificate): number | undefined {
  return parsed.getExtension(x509.BasicConstraintsExtension)?.pathLength;
}

/** Whether it may sign certificates; `unset` when it says nothing about it. */
export function certSigning({ parsed }: ChainCertificate): 'yes' | 'no' | 'unset' {
  const usage = parsed.getExtension(x509.KeyUsagesExtension);
  if (usage === null) return 'unset';
  return (usage.usages & x509.KeyUsageFlags.keyCertSign) === 0 ? 'no' : 'yes';
}

/** OIDs of the purposes that it is limited to; undefined: any. */
export function purposesOf({ parsed }: ChainCertificate): readonly string[] | undefined {
  return parsed.getExtension(x509.ExtendedKeyUsageExtension)?.usages.map(String);
}

const HASHES: readonly unknown[] = ['SHA-256', 'SHA-384', 'SHA-512'];
const SIGNATURES: readonly unknown[] = ['ECDSA', 'RSASSA-PKCS1-v1_5', 'RSA-PSS'];
const CURVES: readonly unknown[] = ['prime256v1', 'secp384r1', 'secp521r1'];
const RSA_BITS = { min: 2048, max: 8192 };

/** What is wrong with the algorithm that it was signed with; undefined when nothing is. */
export function signatureProblem({ parsed }: ChainCertificate): string | undefined {
  const { name, hash } = parsed.signatureAlgorithm as { name: string; hash?: { name?: string } };
  if (SIGNATURES.includes(name) && HASHES.includes(hash?.name)) return undefined;
  return `it is signed with ${[name, hash?.name].filter((part) => part !== undefined).join(' and ')}; ECDSA or RSA with SHA-2 is expected`;
}

/** What is wrong with its own key; undefined when nothing is. */
export function keyProblem({ node: { publicKey } }: ChainCertificate): string | undefined {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = publicKey;
  if (type === 'ec') {
    return CURVES.includes(details?.namedCurve)
      ? undefined
      : `its curve ${details?.namedCurve ?? ''} is not a NIST curve`;
  }
  const bits = details?.modulusLength ?? 0;
  if ((type === 'rsa' || type === 'rsa-pss') && bits >= RSA_BITS.min && bits <= RSA_BITS.max) return undefined;
  return `its ${type ?? 'unknown'} key${bits > 0 ? ` of ${bits} bits` : ''} is not accepted (EC on a NIST curve, or RSA of ${RSA_BITS.min} to ${RSA_BITS.max} bits)`;
}

/** SubjectPublicKeyInfo, DER. */
export function spkiOf(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' });
}

/** For people: `CN=…, O=…`. */
export function nameOf(certificate: ChainCertificate): string {
  return certificate.parsed.subject === '' ? 'without a subject' : JSON.stringify(certificate.parsed.subject);
}
