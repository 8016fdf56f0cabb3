import { createPublicKey, type JsonWebKey } from 'node:crypto';
import { readCertificate, readCertificates } from './certificate.js';
import { Checks, type Check } from './check.js';
import { checkSpiffeId } from './spiffe-id-rules.js';
import { checkAuthority, checkProfile } from './x509-rules.js';

type Json = Readonly<Record<string, unknown>>;

/** Rules for the map that a bundle RPC answers with. `own` is the SPIFFE ID of the caller's trust domain. */
export function checkBundleMap(bundles: Readonly<Record<string, Buffer>>, own: string): readonly Check[] {
  const checks = new Checks();
  for (const name of Object.keys(bundles)) checks.include(checkSpiffeId(name, 'trust domain'));
  checks.must('RP-3', 'it has the own trust domain', () => !(own in bundles) && Object.keys(bundles).join(' '));
  return checks.all;
}

/** Rules for an X.509 bundle as the Workload API serves it: concatenated DER. */
export function checkX509Bundle(der: Buffer, trustDomainId: string, now: number): readonly Check[] {
  const checks = new Checks();
  const authorities = readCertificates(der);
  checks.must('RP-3', 'it has at least one authority', () => authorities.length === 0 && 'none');
  for (const authority of authorities) {
    checks.include(checkProfile(authority, now));
    checks.include(checkAuthority(authority, `${trustDomainId}/any`));
  }
  return checks.all;
}

/** Rules for a SPIFFE bundle document. */
export function checkBundleDocument(text: string, now: number): readonly Check[] {
  const checks = new Checks();
  const document = JSON.parse(text) as Json;
  const keys = Array.isArray(document['keys']) ? (document['keys'] as Json[]) : undefined;
  const of = (use: string): Json[] => (keys ?? []).filter((key) => key['use'] === use);
  checks.should('B-1', 'spiffe_sequence is there', () => document['spiffe_sequence'] === undefined && 'it is not');
  checks.must('B-1', 'spiffe_sequence, if any, is an integer', () => integerProblem(document['spiffe_sequence'], 0));
  checks.should(
    'B-2',
    'spiffe_refresh_hint is there',
    () => document['spiffe_refresh_hint'] === undefined && 'it is not',
  );
  checks.must('B-2', 'spiffe_refresh_hint, if any, is a number of seconds', () =>
    integerProblem(document['spiffe_refresh_hint'], 1),
  );
  checks.must('B-3', 'keys is there', () => keys === undefined && 'it is not');
  checks.must('B-4', 'every entry has kty and use', () => {
    const bad = keys?.find((key) => typeof key['kty'] !== 'string' || typeof key['use'] !== 'string');
    return bad === undefined ? false : JSON.stringify(bad).slice(0, 200);
  });
  checks.must('B-4', 'every use is a known one', () => {
    return keys?.find((key) => !['x509-svid', 'jwt-svid', 'wit-svid'].includes(String(key['use'])))?.['use'] as string;
  });
  checks.must('X-10', 'X.509 entries have no kid', () => of('x509-svid').some((key) => 'kid' in key) && 'one has');
  checks.must('X-10', 'X.509 entries hold exactly one CA certificate with their own key', () =>
    firstProblem(of('x509-svid'), now),
  );
  checks.must(
    'J-9',
    'JWT entries have a kid',
    () => of('jwt-svid').some((key) => typeof key['kid'] !== 'string' || key['kid'] === '') && 'one has none',
  );
  checks.must('J-9', 'key ids are unique', () => {
    const ids = (keys ?? []).flatMap((key) => ('kid' in key ? [key['kid']] : []));
    return new Set(ids).size !== ids.length && ids.join(' ');
  });
  return checks.all;
}

function integerProblem(value: unknown, least: number): string | false {
  return value !== undefined && !(Number.isSafeInteger(value) && (value as number) >= least) && JSON.stringify(value);
}

function firstProblem(entries: readonly Json[], now: number): string | undefined {
  for (const entry of entries) {
    const x5c = entry['x5c'];
    if (!Array.isArray(x5c) || x5c.length !== 1) return 'x5c does not have exactly one value';
    const certificate = readCertificate(Buffer.from(String(x5c[0]), 'base64'));
    const own = createPublicKey({ key: entry as JsonWebKey, format: 'jwk' }).export({ format: 'der', type: 'spki' });
    if (!own.equals(certificate.spki)) return 'the entry’s key is not that of its certificate';
    const broken = [...checkProfile(certificate, now), ...checkAuthority(certificate, '')].find(
      (check) => check.problem !== undefined && check.level === 'MUST',
    );
    if (broken !== undefined) return `${broken.rule}: ${broken.problem ?? ''}`;
  }
  return undefined;
}
