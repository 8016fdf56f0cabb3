import { randomBytes, webcrypto } from 'node:crypto';
import type { TrustDomain } from 'spirl-agent/domain/trust-domain.js';
import * as x509 from 'spirl-agent/runtime/x509.js';
import type { SigningKey } from '../domain/signing-key.js';

/** A verifier's clock may be behind ours by this much. */
export const BACKDATE_MS = 60_000;
/** RFC 5280 A.1, ub-organization-name; a trust domain's name may be longer. */
const MAX_ORGANIZATION = 64;

/** Of a keyset's CA. The common name is the keyset's id, so that a chain says which keyset signed. */
export function caSubject(keysetId: string, trustDomain: TrustDomain): x509.Name {
  const organization = trustDomain.name.length <= MAX_ORGANIZATION ? [{ O: [trustDomain.name] }] : [];
  return new x509.Name([...organization, { CN: [keysetId] }]);
}

/** What makes a certificate a CA that signs leaves only, as a request asks for it and as our own certificates say it. */
export function caConstraints(trustDomain: TrustDomain): x509.Extension[] {
  return [
    new x509.BasicConstraintsExtension(true, 0, true),
    // X509-SVID appendix A: no other bit on a certificate that signs.
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    new x509.SubjectAlternativeNameExtension([{ type: 'url', value: trustDomain.id }]),
  ];
}

export function subjectKeyId(key: SigningKey): Promise<x509.Extension> {
  return x509.SubjectKeyIdentifierExtension.create(new x509.PublicKey(key.publicKeySpki), false, webcrypto);
}

/** Hex of 16 octets with the top bits 01: positive and in minimal form. */
export function randomSerial(): string {
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  return serial.toString('hex');
}

/** Certificates know no fractions of a second. */
export function wholeSeconds(ms: number): number {
  return Math.floor(ms / 1000) * 1000;
}
