import { X509Certificate } from 'node:crypto';
import test from 'ava';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  type Extension,
} from '../../src/runtime/x509.js';
import { TestAuthority, type LeafOptions } from '../fakes/test-authority.js';
import { checkBundleDocument, checkBundleMap, checkX509Bundle } from './bundle-rules.js';
import { problemsOf, type Check } from './check.js';
import { firstValue, integerOf, namedBits, oidOf, timeOf } from './der.js';
import { checkJwtBundle, checkJwtSvid } from './jwt-rules.js';
import { checkSpiffeId } from './spiffe-id-rules.js';
import { checkX509Svid } from './x509-rules.js';

const ID = 'spiffe://example.org/workload';
let authority: TestAuthority;
let other: TestAuthority;
test.before(async () => {
  authority = await TestAuthority.create();
  other = await TestAuthority.create();
});

async function checkIssued(options: LeafOptions = {}, change: object = {}): Promise<readonly Check[]> {
  const svid = await authority.issue(options);
  return checkX509Svid({ ...svid, spiffeId: ID, bundle: [authority.certificate], ...change }, Date.now());
}

/** The clauses of the MUST rules that are broken. */
const broken = (checks: readonly Check[]): string[] => [
  ...new Set(problemsOf(checks, 'MUST').map((line) => line.split(' ')[0] ?? '')),
];

test('a correct X.509-SVID keeps every rule', async (t) => {
  const checks = await checkIssued();
  t.deepEqual(problemsOf(checks), []);
  t.true(checks.length > 40);
});

const replace =
  (type: string, ...by: Extension[]) =>
  (correct: Extension[]) => [...correct.filter((extension) => extension.type !== type), ...by];
const san = (critical: boolean, ...uris: string[]) =>
  replace(
    '2.5.29.17',
    new SubjectAlternativeNameExtension(
      uris.map((value) => ({ type: 'url' as const, value })),
      critical,
    ),
  );
const leaves: { name: string; leaf?: LeafOptions; change?: object; clauses: string[] }[] = [
  { name: 'two URI names', leaf: { extensions: san(true, ID, `${ID}/b`) }, clauses: ['X-1'] },
  { name: 'another identity', leaf: { extensions: san(true, `${ID}/b`) }, clauses: ['X-1'] },
  { name: 'a name that is not critical', leaf: { extensions: san(false, ID) }, clauses: ['X-3'] },
  { name: 'no path', leaf: { extensions: san(true, 'spiffe://example.org') }, clauses: ['X-1', 'X-2'] },
  {
    name: 'upper case in the trust domain',
    leaf: { extensions: san(true, 'spiffe://Example.org/a') },
    clauses: ['X-1', 'ID-2'],
  },
  {
    name: 'a leaf that is a CA',
    leaf: { extensions: replace('2.5.29.19', new BasicConstraintsExtension(true, undefined, true)) },
    clauses: ['X-4'],
  },
  {
    name: 'a leaf that may sign certificates',
    leaf: {
      extensions: replace(
        '2.5.29.15',
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature | KeyUsageFlags.keyCertSign, true),
      ),
    },
    clauses: ['X-5'],
  },
  {
    name: 'key usage that is not critical',
    leaf: { extensions: replace('2.5.29.15', new KeyUsagesExtension(KeyUsageFlags.digitalSignature, false)) },
    clauses: ['X-5'],
  },
  {
    name: 'only one of the two extended usages',
    leaf: { extensions: replace('2.5.29.37', new ExtendedKeyUsageExtension(['1.3.6.1.5.5.7.3.1'])) },
    clauses: ['X-6'],
  },
  { name: 'an expired leaf', leaf: { lifetimeMs: -1000 }, clauses: ['X-9'] },
  { name: 'a leaf that outlives its issuer', leaf: { lifetimeMs: 91 * 24 * 3_600_000 }, clauses: ['X-9'] },
  { name: 'the key of somebody else', change: { key: undefined }, clauses: ['RP-1'] },
  { name: 'a bundle that does not fit', change: { bundle: undefined }, clauses: ['X-9'] },
];
for (const { name, leaf, change, clauses } of leaves) {
  test(`the checker sees: ${name}`, async (t) => {
    const stranger = { key: (await authority.issue()).key, bundle: [other.certificate] };
    const changes = Object.fromEntries(Object.keys(change ?? {}).map((key) => [key, stranger[key as 'key']]));
    t.deepEqual(broken(await checkIssued(leaf, changes)), clauses);
  });
}

test('a correct JWT-SVID and its bundle keep every rule', (t) => {
  const expected = { spiffeId: ID, audience: ['a'], jwks: authority.jwks };
  t.deepEqual(problemsOf(checkJwtSvid(authority.issueJwt(['a']), expected, Date.now())), []);
  t.deepEqual(problemsOf(checkJwtBundle(authority.jwks)), []);
});

const tokens: { name: string; claims?: object; header?: object; audience?: string[]; clauses: string[] }[] = [
  { name: 'no algorithm', header: { alg: 'none' }, clauses: ['J-2', 'J-9'] },
  { name: 'another algorithm than the key', header: { alg: 'ES384' }, clauses: ['J-9'] },
  { name: 'a strange typ', header: { typ: 'at+jwt' }, clauses: ['J-3'] },
  { name: 'a header parameter too many', header: { jku: 'https://x' }, clauses: ['J-4'] },
  { name: 'another subject', claims: { sub: 'spiffe://example.org/other' }, clauses: ['J-5'] },
  { name: 'a subject without path', claims: { sub: 'spiffe://example.org' }, clauses: ['J-5', 'X-2'] },
  { name: 'another audience', audience: ['b'], clauses: ['J-6'] },
  { name: 'no end', claims: { exp: undefined }, clauses: ['J-7'] },
  { name: 'an end that is past', claims: { exp: 1 }, clauses: ['J-7'] },
  { name: 'an unknown key', header: { kid: 'ks_0000000000' }, clauses: ['J-9'] },
];
for (const { name, claims, header, audience, clauses } of tokens) {
  test(`the checker sees in a token: ${name}`, (t) => {
    const token = authority.issueJwt(audience ?? ['a'], claims, header);
    t.deepEqual(
      broken(checkJwtSvid(token, { spiffeId: ID, audience: ['a'], jwks: authority.jwks }, Date.now())),
      clauses,
    );
  });
}

test('a private key in a JWT bundle is seen', (t) => {
  const jwks = Buffer.from(JSON.stringify({ keys: [{ ...authority.jwk, d: 'AQ' }] }));
  t.deepEqual(broken(checkJwtBundle(jwks)), ['RP-5']);
});

test('bundles of the Workload API: DER, own trust domain, trust-domain ids as keys', (t) => {
  t.deepEqual(problemsOf(checkX509Bundle(authority.certificate, 'spiffe://example.org', Date.now())), []);
  t.deepEqual(broken(checkX509Bundle(Buffer.alloc(0), 'spiffe://example.org', Date.now())), ['RP-3']);
  t.throws(() => checkX509Bundle(Buffer.from('-----BEGIN CERTIFICATE-----'), 'spiffe://example.org', Date.now()));
  t.deepEqual(broken(checkBundleMap({ 'spiffe://example.org/a': Buffer.alloc(0) }, 'spiffe://example.org')), [
    'ID-6',
    'RP-3',
  ]);
});

const x509Entry = (): Record<string, unknown> => ({
  ...documentKey(),
  use: 'x509-svid',
  x5c: [authority.certificate.toString('base64')],
});
const jwtEntry = (): Record<string, unknown> => ({ ...authority.jwk, use: 'jwt-svid' });
/** The CA's public key as JWK. */
const documentKey = (): object => new X509Certificate(authority.certificate).publicKey.export({ format: 'jwk' });
const documents: { name: string; document: () => object; clauses: string[] }[] = [
  {
    name: 'a complete document',
    document: () => ({ spiffe_sequence: 1, spiffe_refresh_hint: 300, keys: [x509Entry(), jwtEntry()] }),
    clauses: [],
  },
  { name: 'no keys', document: () => ({}), clauses: ['B-3'] },
  { name: 'a broken sequence', document: () => ({ spiffe_sequence: '1', keys: [] }), clauses: ['B-1'] },
  { name: 'a broken hint', document: () => ({ spiffe_refresh_hint: 0.5, keys: [] }), clauses: ['B-2'] },
  { name: 'no use', document: () => ({ keys: [authority.jwk] }), clauses: ['B-4'] },
  { name: 'a kid on an X.509 entry', document: () => ({ keys: [{ ...x509Entry(), kid: 'a' }] }), clauses: ['X-10'] },
  {
    name: 'two certificates in one entry',
    document: () => ({ keys: [{ ...x509Entry(), x5c: ['a', 'b'] }] }),
    clauses: ['X-10'],
  },
  {
    name: 'another key than the certificate’s',
    document: () => ({ keys: [{ ...x509Entry(), ...jwtEntry(), kid: undefined, use: 'x509-svid' }] }),
    clauses: ['X-10'],
  },
  { name: 'a JWT entry without kid', document: () => ({ keys: [{ ...jwtEntry(), kid: '' }] }), clauses: ['J-9'] },
  { name: 'one kid twice', document: () => ({ keys: [jwtEntry(), jwtEntry()] }), clauses: ['J-9'] },
];
for (const { name, document, clauses } of documents) {
  test(`bundle document: ${name}`, (t) => {
    t.deepEqual(broken(checkBundleDocument(JSON.stringify(document()), Date.now())), clauses);
  });
}

const ids: { id: string; clauses: string[] }[] = [
  { id: 'spiffe://example.org/a/B-_.c', clauses: [] },
  { id: 'SPIFFE://example.org/a', clauses: ['ID-1', 'X-2'] },
  { id: 'spiffe:///a', clauses: ['ID-1'] },
  { id: 'spiffe://example.org/a?b', clauses: ['ID-1', 'ID-3'] },
  { id: 'spiffe://example.org:80/a', clauses: ['ID-2'] },
  { id: 'spiffe://u@example.org/a', clauses: ['ID-2'] },
  { id: `spiffe://${'a'.repeat(256)}/a`, clauses: ['ID-2'] },
  { id: 'spiffe://example.org/a%20b', clauses: ['ID-3'] },
  { id: 'spiffe://example.org/a/', clauses: ['ID-3'] },
  { id: 'spiffe://example.org/../a', clauses: ['ID-3'] },
  { id: 'spiffe://example.org', clauses: ['X-2'] },
];
for (const { id, clauses } of ids) {
  test(`SPIFFE ID ${id.slice(0, 60)}`, (t) => t.deepEqual(broken(checkSpiffeId(id, 'workload')), clauses));
}

test('the DER reader refuses what only BER allows', (t) => {
  const value = (hex: string) => firstValue(Buffer.from(hex, 'hex'));
  t.throws(() => value('3080'), { message: /indefinite/ });
  t.throws(() => value('308101ff'), { message: /minimal/ });
  t.throws(() => value('0402ff'), { message: /too early/ });
  t.throws(() => integerOf(value('02020001')), { message: /minimal/ });
  t.is(integerOf(value('02020080')), 128n);
  t.is(integerOf(value('020180')), -128n);
  t.is(oidOf(value('0603551d0f')), '2.5.29.15');
  t.deepEqual(namedBits(value('03020106')), [5, 6]);
  t.throws(() => namedBits(value('03020006')), { message: /trailing zero/ });
  t.throws(() => timeOf(value(`180f${Buffer.from('20260101000000Z').toString('hex')}`)), { message: /before 2050/ });
  t.throws(() => timeOf(value(`170d${Buffer.from('260231000000Z').toString('hex')}`)), { message: /no such time/ });
});
