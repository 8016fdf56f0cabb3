import { X509Certificate } from 'node:crypto';
import { KEYSET_ID_PATTERN } from '../domain/keyset-state.js';
import type { X509SvidMessage } from '../runtime/workload-client.js';
import { certificatePem } from '../runtime/certificate-facts.js';
import { splitCertificates } from './certificate-list.js';
import { labelled } from './table.js';
import { relativeText, timeText, timeWithDistance } from './time-text.js';

/** A certificate as people read it. */
export interface CertificateView {
  /** One line, `CN=ks_…, O=example.org`; empty for an empty name. */
  readonly subject: string;
  readonly issuer: string;
  /** Lower-case hex. */
  readonly serial: string;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly pem: string;
}

/** An X.509-SVID as people read it; it has no private key. */
export interface X509SvidView {
  readonly spiffeId: string;
  readonly hint: string;
  /** The keyset that signed it; `undefined` where the issuer is not named after one. */
  readonly keyset: string | undefined;
  readonly key: string;
  /** Leaf first. */
  readonly chain: readonly [CertificateView, ...CertificateView[]];
  readonly bundle: readonly CertificateView[];
}

export function viewOfX509Svid(svid: X509SvidMessage): X509SvidView {
  const [leaf, ...rest] = splitCertificates(svid.x509Svid);
  if (leaf === undefined) throw new Error('an X.509-SVID without a certificate');
  const parsed = new X509Certificate(leaf);
  const keyset = /(?:^|\n)CN=(.*)/.exec(parsed.issuer)?.[1] ?? '';
  return {
    spiffeId: svid.spiffeId,
    hint: svid.hint,
    keyset: KEYSET_ID_PATTERN.test(keyset) ? keyset : undefined,
    key: keyText(parsed),
    chain: [viewOfCertificate(leaf), ...rest.map(viewOfCertificate)],
    bundle: splitCertificates(svid.bundle).map(viewOfCertificate),
  };
}

export function viewOfCertificate(der: Buffer): CertificateView {
  const certificate = new X509Certificate(der);
  return {
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    serial: certificate.serialNumber.toLowerCase(),
    notBefore: Date.parse(certificate.validFrom),
    notAfter: Date.parse(certificate.validTo),
    pem: certificatePem(der),
  };
}

/** Node gives an empty name as `undefined`, whatever its types say. */
function oneLine(name: string | undefined): string {
  return (name ?? '').split('\n').join(', ');
}

function keyText({ publicKey }: X509Certificate): string {
  const { namedCurve, modulusLength } = publicKey.asymmetricKeyDetails ?? {};
  const type = publicKey.asymmetricKeyType?.toUpperCase() ?? 'unknown';
  return [type, namedCurve === 'prime256v1' ? 'P-256' : (namedCurve ?? modulusLength)].filter(Boolean).join(' ');
}

export function describeX509Svid(view: X509SvidView, now: number): string {
  const [leaf] = view.chain;
  return labelled([
    ['SPIFFE ID', view.spiffeId],
    ['Hint', view.hint === '' ? undefined : view.hint],
    ['Serial', leaf.serial],
    ['Not before', timeWithDistance(leaf.notBefore, now)],
    ['Not after', timeWithDistance(leaf.notAfter, now)],
    ['Key', view.key],
    ['Issuer', leaf.issuer],
    ['Keyset', view.keyset],
    ['Chain', view.chain.map((certificate, index) => certificateLine(certificate, index, now)).join('\n')],
    ['Bundle', view.bundle.map((certificate, index) => certificateLine(certificate, index, now)).join('\n')],
  ]);
}

function certificateLine(certificate: CertificateView, index: number, now: number): string {
  const name = certificate.subject === '' ? '(leaf, no subject)' : certificate.subject;
  return `${index + 1}. ${name}, until ${timeText(certificate.notAfter)} (${relativeText(certificate.notAfter, now)})`;
}

/** What `-o json` prints: everything but the private key, which only `--write` hands out. Times are RFC 3339. */
export function jsonOfX509Svid(view: X509SvidView): object {
  const [leaf] = view.chain;
  return {
    spiffeId: view.spiffeId,
    hint: view.hint,
    serial: leaf.serial,
    notBefore: new Date(leaf.notBefore).toISOString(),
    notAfter: new Date(leaf.notAfter).toISOString(),
    issuer: leaf.issuer,
    keyset: view.keyset,
    certificates: view.chain.map(({ pem }) => pem),
    bundle: view.bundle.map(({ pem }) => pem),
  };
}
