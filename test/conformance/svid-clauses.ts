import { checkBundleDocument } from '../artefacts/bundle-rules.js';
import type { Check } from '../artefacts/check.js';
import { checkJwtBundle, checkJwtSvid } from '../artefacts/jwt-rules.js';
import { checkX509Svid } from '../artefacts/x509-rules.js';
import {
  AUDIENCE,
  certificatesOf,
  expect,
  expectKept,
  jwtBundles,
  jwtSvids,
  trustDomainOf,
  x509Svids,
  type ClauseTest,
  type Subject,
} from './clause.js';

/** Every rule for every X.509-SVID that the endpoint gives. */
export async function x509Checks(subject: Subject): Promise<readonly Check[]> {
  const { svids } = await x509Svids(subject);
  expect(svids.length > 0, 'the response has no SVID');
  return svids.flatMap(({ spiffeId, x509Svid, x509SvidKey, bundle }) =>
    checkX509Svid(
      { spiffeId, chain: certificatesOf(x509Svid), key: x509SvidKey, bundle: certificatesOf(bundle) },
      Date.now(),
    ),
  );
}

async function jwtChecks(subject: Subject): Promise<readonly Check[]> {
  const svids = await jwtSvids(subject);
  const { bundles } = await jwtBundles(subject);
  expect(svids.length > 0, 'the response has no SVID');
  return svids.flatMap(({ spiffeId, svid }) => {
    const jwks = bundles[trustDomainOf(spiffeId)] ?? Buffer.from('{"keys":[]}');
    return [...checkJwtSvid(svid, { spiffeId, audience: [AUDIENCE], jwks }, Date.now()), ...checkJwtBundle(jwks)];
  });
}

async function documentChecks({ inputs }: Subject): Promise<readonly Check[]> {
  return Promise.resolve(checkBundleDocument(inputs.bundleDocument ?? '', Date.now()));
}

type Row = readonly [clause: string, shows: string];

const rows = (table: readonly Row[], checks: (subject: Subject) => Promise<readonly Check[]>): ClauseTest[] =>
  table.map(([clause, shows]) => ({
    clause,
    level: 'MUST',
    shows,
    run: async (subject) => expectKept(await checks(subject), clause),
  }));

export const svidClauses: readonly ClauseTest[] = [
  ...rows(
    [
      ['ID-1', 'X.509-SVIDs: scheme, trust domain, no query, no fragment'],
      ['ID-2', 'X.509-SVIDs: characters and length of the trust domain'],
      ['ID-3', 'X.509-SVIDs: characters and segments of the path'],
      ['ID-4', 'X.509-SVIDs: at most 2048 bytes'],
      ['X-1', 'leafs: exactly one URI name, the SPIFFE ID of the response'],
      ['X-2', 'leafs: the SPIFFE ID has a path'],
      ['X-3', 'leafs: alternative names are critical where the subject is empty'],
      ['X-4', 'cA is false on leafs and true on signing certificates'],
      ['X-5', 'key usage: critical; leafs sign data only, authorities sign certificates only'],
      ['X-6', 'extended key usage: both serverAuth and clientAuth'],
      ['X-7', 'signing certificates: at most one SPIFFE ID'],
      ['X-9', 'the chain verifies to the bundle by RFC 5280'],
    ],
    x509Checks,
  ),
  ...rows(
    [
      ['ID-1', 'JWT-SVIDs: scheme, trust domain, no query, no fragment'],
      ['ID-2', 'JWT-SVIDs: characters and length of the trust domain'],
      ['ID-3', 'JWT-SVIDs: characters and segments of the path'],
      ['J-1', 'tokens are JWS in compact serialisation'],
      ['J-2', 'the algorithm is an allowed one'],
      ['J-3', 'typ, if any, is JWT or JOSE'],
      ['J-4', 'no other header parameter'],
      ['J-5', 'sub is the SPIFFE ID of the response'],
      ['J-6', 'aud holds what was asked for'],
      ['J-7', 'exp is there and in the future'],
      ['J-9', 'the key that signed is in the JWT bundle, with a kid of its own'],
    ],
    jwtChecks,
  ),
  ...rows(
    [
      ['X-10', 'bundle document: X.509 entries without kid, one CA certificate each'],
      ['J-9', 'bundle document: JWT entries with unique kids'],
      ['B-1', 'bundle document: spiffe_sequence is an integer'],
      ['B-2', 'bundle document: spiffe_refresh_hint is an integer of seconds'],
      ['B-3', 'bundle document: keys is there'],
      ['B-4', 'bundle document: every entry has kty and a known use'],
    ],
    documentChecks,
  ).map((test) => ({ ...test, needs: 'bundleDocument' as const })),
];
