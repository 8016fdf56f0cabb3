import { X509Certificate } from 'node:crypto';
import * as x509 from '../../../src/runtime/x509.js';
import type { RecordedCall } from '../aws/recording-proxy.js';

/** What one side did and got, fact by fact; the values are such that equal ones mean the same. */
export type Facts = Readonly<Record<string, unknown>>;

/** Names of the calls, each once, in the order of their first time. */
export const namesOf = (calls: readonly RecordedCall[]): readonly string[] => [
  ...new Set(calls.map(({ operation }) => operation)),
];

/** The inputs of one operation. */
export const inputsOf = (calls: readonly RecordedCall[], operation: string): readonly RecordedCall['input'][] =>
  calls.filter((call) => call.operation === operation).map(({ input }) => input);

/** What a request for a CA asks for. */
export function requestFacts(der: Uint8Array): Facts {
  const request = new x509.Pkcs10CertificateRequest(der);
  return {
    'request: extensions': [...request.extensions].map(({ type }) => type).sort(),
    'request: alternative names': namesIn(request.extensions),
    'request: key': request.publicKey.algorithm as unknown,
    'request: signed with': request.signatureAlgorithm,
  };
}

/** A CA with the way to its root. `start`: when it was asked for, milliseconds. */
export function chainFacts(chain: readonly Uint8Array[], roots: readonly Uint8Array[], start: number): Facts {
  const [ca] = chain.map((der) => new x509.X509Certificate(der));
  const constraints = ca?.getExtension(x509.BasicConstraintsExtension);
  return {
    'CA: issuer': ca?.issuer,
    'CA: is a CA, path length': [constraints?.ca, constraints?.pathLength, constraints?.critical],
    'CA: key usage': ca?.getExtension(x509.KeyUsagesExtension)?.usages,
    'CA: extensions': [...(ca?.extensions ?? [])].map(({ type }) => type).sort(),
    'CA: signed with': ca?.signatureAlgorithm,
    'CA: minutes of life from its request': Math.round(((ca?.notAfter.getTime() ?? 0) - start) / 60_000),
    'chain: certificates above the CA': chain.slice(1).map(fingerprint),
    'chain: each signed by the next, the last by a root': leadsUp([...chain, ...roots]),
    roots: roots.map(fingerprint),
  };
}

function leadsUp(way: readonly Uint8Array[]): boolean {
  const certificates = way.map((der) => new X509Certificate(der));
  return certificates.every((one, index) => {
    const above = certificates[index + 1] ?? one;
    return one.checkIssued(above) && one.verify(above.publicKey);
  });
}

const fingerprint = (der: Uint8Array): string => new X509Certificate(der).fingerprint256;

function namesIn(extensions: readonly x509.Extension[]): unknown {
  return extensions.find((one) => one instanceof x509.SubjectAlternativeNameExtension)?.names.toJSON();
}
