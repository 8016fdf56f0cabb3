import { status } from '@grpc/grpc-js';
import { checkBundleMap, checkX509Bundle } from '../artefacts/bundle-rules.js';
import { problemsOf } from '../artefacts/check.js';
import { checkJwtBundle } from '../artefacts/jwt-rules.js';
import type { WireValidation } from './wire-validation.js';
import {
  AUDIENCE,
  defaultSvid,
  expect,
  expectCode,
  expectKept,
  jwtBundles,
  jwtSvids,
  trustDomainOf,
  x509Bundles,
  x509Svids,
  type ClauseTest,
  type Subject,
} from './clause.js';
import { claimsOf } from './wire-validation.js';
import { x509Checks } from './svid-clauses.js';

/** A token with other content; its signature does not fit any more. */
function altered(token: string, header: object, claims: object): string {
  const [head = '', body = '', signature = ''] = token.split('.');
  const merge = (part: string, change: object): string => {
    const value = { ...(JSON.parse(Buffer.from(part, 'base64url').toString()) as object), ...change };
    return Buffer.from(JSON.stringify(value)).toString('base64url');
  };
  return [merge(head, header), merge(body, claims), signature].join('.');
}

async function ownToken(subject: Subject): Promise<string> {
  const [svid] = await jwtSvids(subject);
  expect(svid !== undefined, 'no JWT-SVID');
  return svid.svid;
}

async function refusesToken(subject: Subject, token: string, audience = AUDIENCE): Promise<void> {
  const end = await subject.endpoint.refusal('ValidateJWTSVID', { audience, svid: token });
  expectCode(end, status.INVALID_ARGUMENT);
}

const strangerMethods: readonly { clause: string; method: string; request: object }[] = [
  { clause: 'RP-2', method: 'FetchX509SVID', request: {} },
  { clause: 'RP-3', method: 'FetchX509Bundles', request: {} },
  { clause: 'RP-4', method: 'FetchJWTSVID', request: { audience: [AUDIENCE] } },
  { clause: 'RP-5', method: 'FetchJWTBundles', request: {} },
];

export const rpcClauses: readonly ClauseTest[] = [
  {
    clause: 'RP-1',
    level: 'MUST',
    shows: 'FetchX509SVID: every mandatory field is set, certificates and bundle are DER, the key is PKCS#8 and fits',
    run: async (subject) => expectKept(await x509Checks(subject), 'RP-1'),
  },
  {
    clause: 'RP-1',
    level: 'MUST',
    shows: 'FetchX509SVID: federated bundles are named by trust-domain ids',
    run: async (subject) => {
      const { federatedBundles } = await x509Svids(subject);
      const own = trustDomainOf((await defaultSvid(subject)).spiffeId);
      const problems = problemsOf(checkBundleMap({ ...federatedBundles, [own]: Buffer.alloc(0) }, own), 'MUST');
      expect(problems.length === 0, problems.join('; '));
    },
  },
  ...strangerMethods.map(({ clause, method, request }): ClauseTest => ({
    clause,
    level: 'SHOULD',
    shows: `${method} refuses a caller without identity with PERMISSION_DENIED`,
    needs: 'strangerUri',
    run: async ({ endpoint }) => expectCode(await endpoint.refusal(method, request), status.PERMISSION_DENIED),
  })),
  {
    clause: 'RP-3',
    level: 'MUST',
    shows: 'FetchX509Bundles has the own trust domain, as DER certificates',
    run: async (subject) => {
      const { bundles } = await x509Bundles(subject);
      const svid = await defaultSvid(subject);
      const own = trustDomainOf(svid.spiffeId);
      expectKept(checkBundleMap(bundles, own), 'RP-3');
      expectKept(checkX509Bundle(bundles[own] ?? Buffer.alloc(0), own, Date.now()), 'RP-3');
      expect(bundles[own]?.equals(svid.bundle) === true, 'it is not the bundle that comes with the SVID');
    },
  },
  {
    clause: 'RP-4',
    level: 'MUST',
    shows: 'FetchJWTSVID without an identity answers for all of the caller’s identities',
    run: async (subject) => {
      const wanted = (await x509Svids(subject)).svids.map(({ spiffeId }) => spiffeId);
      const got = (await jwtSvids(subject)).map(({ spiffeId }) => spiffeId);
      expect(
        got.length > 0 && wanted.every((id) => got.includes(id)),
        `${got.join(' ')} instead of ${wanted.join(' ')}`,
      );
    },
  },
  {
    clause: 'RP-4',
    level: 'MUST',
    shows: 'FetchJWTSVID for a named identity answers for that one only',
    run: async (subject) => {
      const { spiffeId } = await defaultSvid(subject);
      const got = (await jwtSvids(subject, { audience: [AUDIENCE], spiffeId })).map((svid) => svid.spiffeId);
      expect(got.length === 1 && got[0] === spiffeId, got.join(' '));
    },
  },
  {
    clause: 'RP-4',
    level: 'SHOULD',
    shows: 'FetchJWTSVID for an identity of somebody else is PERMISSION_DENIED',
    run: async (subject) => {
      const spiffeId = `${trustDomainOf((await defaultSvid(subject)).spiffeId)}/conformance/nobody`;
      const end = await subject.endpoint.refusal('FetchJWTSVID', { audience: [AUDIENCE], spiffeId });
      expectCode(end, status.PERMISSION_DENIED);
    },
  },
  {
    clause: 'RP-4',
    level: 'MUST',
    shows: 'FetchJWTSVID for something that is no SPIFFE ID is INVALID_ARGUMENT',
    run: async ({ endpoint }) => {
      const end = await endpoint.refusal('FetchJWTSVID', { audience: [AUDIENCE], spiffeId: 'https://example.org/a' });
      expectCode(end, status.INVALID_ARGUMENT);
    },
  },
  {
    clause: 'RP-5',
    level: 'MUST',
    shows: 'FetchJWTBundles has the own trust domain, as a JWKS with public JWT keys only',
    run: async (subject) => {
      const { bundles } = await jwtBundles(subject);
      const own = trustDomainOf((await defaultSvid(subject)).spiffeId);
      expectKept(checkBundleMap(bundles, own), 'RP-3');
      expectKept(checkJwtBundle(bundles[own] ?? Buffer.alloc(0)), 'RP-5');
    },
  },
  {
    clause: 'RP-6',
    level: 'MUST',
    shows: 'ValidateJWTSVID accepts a token of its own and answers with its SPIFFE ID and claims',
    run: async (subject) => {
      const svid = await ownToken(subject);
      const answer = await subject.endpoint.first<WireValidation>('ValidateJWTSVID', { audience: AUDIENCE, svid });
      const claims = claimsOf(answer);
      expect(answer.spiffeId === (await defaultSvid(subject)).spiffeId, answer.spiffeId);
      expect(claims['sub'] === answer.spiffeId, `sub ${JSON.stringify(claims['sub'])}`);
      expect([claims['aud']].flat().includes(AUDIENCE), `aud ${JSON.stringify(claims['aud'])}`);
      expect(typeof claims['exp'] === 'number', `exp ${JSON.stringify(claims['exp'])}`);
    },
  },
  {
    clause: 'RP-6',
    level: 'MUST',
    shows: 'ValidateJWTSVID refuses changed claims and changed signatures',
    run: async (subject) => {
      const token = await ownToken(subject);
      await refusesToken(subject, altered(token, {}, { sub: 'spiffe://example.org/somebody/else' }));
      await refusesToken(subject, altered(token, {}, { exp: 4_102_444_800 }));
      const [head = '', body = ''] = token.split('.');
      await refusesToken(subject, [head, body, Buffer.alloc(64, 1).toString('base64url')].join('.'));
      await refusesToken(subject, [head, body, ''].join('.'));
      await refusesToken(subject, 'not a token');
    },
  },
  {
    clause: 'RP-7',
    level: 'MUST',
    shows: 'ValidateJWTSVID refuses a subject of a trust domain without bundle',
    run: async (subject) => {
      await refusesToken(subject, altered(await ownToken(subject), {}, { sub: 'spiffe://unknown.invalid/workload' }));
    },
  },
  {
    clause: 'RP-10',
    level: 'MUST',
    shows: 'X.509 authorities are not among the JWT keys, nor the other way round',
    run: async (subject) => {
      const { bundles } = await jwtBundles(subject);
      for (const jwks of Object.values(bundles)) {
        const { keys } = JSON.parse(jwks.toString()) as { keys: Record<string, unknown>[] };
        expect(!keys.some((key) => 'x5c' in key || key['use'] === 'x509-svid'), 'an X.509 entry');
      }
    },
  },
];

/** Token rules of the validator: what must be refused whatever the signature says. */
export const validatorClauses: readonly ClauseTest[] = [
  {
    clause: 'J-1',
    level: 'MUST',
    shows: 'ValidateJWTSVID refuses the JSON serialisation',
    run: async (subject) => {
      const [head = '', payload = '', signature = ''] = (await ownToken(subject)).split('.');
      await refusesToken(subject, JSON.stringify({ payload, protected: head, signature }));
    },
  },
  ...['none', 'HS256', 'HS512', 'EdDSA'].map((alg): ClauseTest => ({
    clause: 'J-2',
    level: 'MUST',
    shows: `ValidateJWTSVID refuses the algorithm ${alg}`,
    run: async (subject) => refusesToken(subject, altered(await ownToken(subject), { alg }, {})),
  })),
  {
    clause: 'J-6',
    level: 'MUST',
    shows: 'ValidateJWTSVID refuses a token for another audience',
    run: async (subject) => refusesToken(subject, await ownToken(subject), 'somebody-else'),
  },
];
