import { X509Certificate } from 'node:crypto';

/** The only URI among the certificate's subject alternative names; `undefined` when there is none, or more than one. */
export function onlyUri(certificate: X509Certificate): string | undefined {
  // Node quotes names that hold a comma or other odd characters as JSON; no SPIFFE ID does, so such a name is no match.
  const uris = (certificate.subjectAltName ?? '')
    .split(', ')
    .filter((name) => name.startsWith('URI:'))
    .map((name) => name.slice('URI:'.length));
  return uris.length === 1 ? uris[0] : undefined;
}

/** Whether `now` (milliseconds) lies within the certificate's validity. */
export function isCurrent(certificate: X509Certificate, now: number): boolean {
  return now >= Date.parse(certificate.validFrom) && now < Date.parse(certificate.validTo);
}

/** Whether one of `authorities` (DER) issued and signed the certificate directly, and is itself current. */
export function isIssuedBy(certificate: X509Certificate, authorities: readonly Uint8Array[], now: number): boolean {
  return authorities.some((der) => {
    const authority = new X509Certificate(der);
    return (
      authority.ca &&
      isCurrent(authority, now) &&
      certificate.checkIssued(authority) &&
      certificate.verify(authority.publicKey)
    );
  });
}

/** PEM text of a DER certificate. */
export function certificatePem(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

/** DER of each certificate in a PEM text; text outside the blocks is ignored. Throws when a block is no certificate. */
export function certificatesOfPem(pem: string): readonly Buffer[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block).raw);
}
