import type { status } from '@grpc/grpc-js';
import { status as codes } from '@grpc/grpc-js';
import { problemsOf, type Check } from '../artefacts/check.js';
import { splitCertificates } from '../../src/cli/certificate-list.js';
import type { BundlesResponse, JwtSvidMessage, X509SvidResponse } from '../../src/runtime/workload-client.js';
import { endText, type CallEnd, type EndpointUnderTest } from './endpoint-under-test.js';

/** What a suite cannot do by itself on an endpoint it does not know; a clause that needs what is not there is not run. */
export interface OptionalInputs {
  /** Makes the endpoint send something new on open streams: a new SVID or a changed bundle. */
  readonly rotate?: () => Promise<void>;
  /** Endpoint URI that reaches the same server as a caller without any identity. */
  readonly strangerUri?: string;
  /** A SPIFFE bundle document of the same trust domain. */
  readonly bundleDocument?: string;
}

export interface Subject {
  readonly endpoint: EndpointUnderTest;
  readonly inputs: OptionalInputs;
}

/** One executable requirement. */
export interface ClauseTest {
  /** As in the requirement list: EP, WA, RP, ID, X, J, B. */
  readonly clause: string;
  readonly level: 'MUST' | 'SHOULD';
  /** What is shown, as a sentence. */
  readonly shows: string;
  readonly needs?: keyof OptionalInputs;
  /** Throws when the clause is broken. */
  run(subject: Subject): Promise<void>;
}

export const STREAMS = ['FetchX509SVID', 'FetchX509Bundles', 'FetchJWTBundles'] as const;
export const AUDIENCE = 'spirl-conformance';

/** Requests that a proper caller may make of each method. */
export const PROPER_REQUESTS: Readonly<Record<string, object>> = {
  FetchX509SVID: {},
  FetchX509Bundles: {},
  FetchJWTBundles: {},
  FetchJWTSVID: { audience: [AUDIENCE] },
  ValidateJWTSVID: { audience: AUDIENCE, svid: 'a.b.c' },
};

export function expect(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new Error(otherwise);
}

export function expectCode(end: CallEnd, ...wanted: readonly status[]): void {
  expect(wanted.includes(end.code), `${wanted.map((code) => codes[code]).join(' or ')} expected, got ${endText(end)}`);
}

/** Throws when a rule of `clause` is broken; other clauses of the same artefact have tests of their own. */
export function expectKept(checks: readonly Check[], clause: string): void {
  const own = checks.filter((check) => check.clause === clause);
  expect(own.length > 0, `the checker has no rule for ${clause}`);
  const problems = problemsOf(own, 'MUST');
  expect(problems.length === 0, problems.join('; '));
}

export const x509Svids = ({ endpoint }: Subject): Promise<X509SvidResponse> => endpoint.first('FetchX509SVID');
export const x509Bundles = ({ endpoint }: Subject): Promise<BundlesResponse> => endpoint.first('FetchX509Bundles');
export const jwtBundles = ({ endpoint }: Subject): Promise<BundlesResponse> => endpoint.first('FetchJWTBundles');
export async function jwtSvids(
  { endpoint }: Subject,
  request: { audience: readonly string[]; spiffeId?: string } = { audience: [AUDIENCE] },
): Promise<readonly JwtSvidMessage[]> {
  return (await endpoint.first<{ svids: readonly JwtSvidMessage[] }>('FetchJWTSVID', request)).svids;
}

/** The default identity. */
export async function defaultSvid(subject: Subject): Promise<X509SvidResponse['svids'][number]> {
  const [svid] = (await x509Svids(subject)).svids;
  expect(svid !== undefined, 'the response has no SVID');
  return svid;
}

/** `spiffe://<trust domain>` of an id. */
export function trustDomainOf(spiffeId: string): string {
  return /^spiffe:\/\/[^/]*/.exec(spiffeId)?.[0] ?? '';
}

export const certificatesOf = splitCertificates;
