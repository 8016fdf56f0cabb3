import { X509Certificate } from 'node:crypto';
import type { ExecutionContext, TestFn } from 'ava';
import { TrustDomain } from '../../src/domain/trust-domain.js';
import type { KeyType, SigningKey } from '../../server-stub/src/domain/signing-key.js';
import type { MintedCa, UpstreamAuthority } from '../../server-stub/src/upstream-authority/upstream-authority.js';
import { forever, localKey, remoteKey } from '../server-stub/signer/signing-keys.js';

const DAY = 24 * 3600 * 1000;

export interface UpstreamUnderTest {
  readonly authority: UpstreamAuthority;
  /** Of the authority's and our clock, milliseconds since the epoch. */
  readonly now: number;
  /** Longest lifetime that it gives; default: any. */
  readonly longestTtlMs?: number;
  /** Every keyset is its own root. */
  readonly selfSigned?: boolean;
}

/** What every upstream authority does, whoever answers behind it. */
export function upstreamAuthorityContract(
  test: TestFn,
  name: string,
  open: () => Promise<UpstreamUnderTest>,
  types: readonly KeyType[] = ['EC-P256', 'EC-P384', 'RSA-2048'],
): void {
  for (const type of types) {
    for (const [where, makeKey] of Object.entries({ 'in memory': localKey, 'behind a service': remoteKey })) {
      test(`${name}: a ${type} key ${where} gets a CA certificate that leads to the returned roots`, async (t) => {
        const upstream = await open();
        const key = makeKey(type);
        const minted = await mint(upstream, key);
        checkCa(t, minted, key, upstream);
        checkChain(t, minted, upstream);
      });
    }
  }

  test(`${name}: a shorter lifetime is given when asked for`, async (t) => {
    const upstream = await open();
    const { notAfter } = await mint(upstream, localKey(), 'ks_aaaaaaaaaa', 2 * 3600 * 1000);
    t.true(notAfter <= upstream.now + 2 * 3600 * 1000 + 60_000, new Date(notAfter).toISOString());
    t.true(notAfter > upstream.now + 3600 * 1000);
  });

  test(`${name}: two keysets get certificates of their own`, async (t) => {
    const upstream = await open();
    const [a, b] = [
      await mint(upstream, localKey(), 'ks_aaaaaaaaaa'),
      await mint(upstream, localKey(), 'ks_bbbbbbbbbb'),
    ];
    t.notDeepEqual(a.caCertificate, b.caCertificate);
    if (upstream.selfSigned === true) t.notDeepEqual(a.x509Authorities, b.x509Authorities);
    else t.deepEqual(a.x509Authorities, b.x509Authorities);
  });

  test(`${name}: nobody is asked with a request that the key service signed wrongly`, async (t) => {
    const spoilt = remoteKey('EC-P256', (signature) => signature.map((octet) => octet ^ 1));
    await t.throwsAsync(mint(await open(), spoilt), { code: 'KEY_SERVICE_UNAVAILABLE' });
  });

  test(`${name}: an aborted request gets nothing`, async (t) => {
    const { authority } = await open();
    await t.throwsAsync(authority.mintCa(requestOf(remoteKey()), AbortSignal.abort()), { any: true });
  });
}

function requestOf(key: SigningKey, keysetId = 'ks_aaaaaaaaaa', preferredTtlMs = 20 * DAY) {
  return { key, keysetId, trustDomain: TrustDomain.parse('example.org'), preferredTtlMs };
}

function mint({ authority }: UpstreamUnderTest, key: SigningKey, id?: string, ttlMs?: number): Promise<MintedCa> {
  return authority.mintCa(requestOf(key, id, ttlMs), forever);
}

function checkCa(t: ExecutionContext, minted: MintedCa, key: SigningKey, upstream: UpstreamUnderTest): void {
  const ca = new X509Certificate(minted.caCertificate);
  t.true(ca.ca);
  t.deepEqual(ca.publicKey.export({ type: 'spki', format: 'der' }), Buffer.from(key.publicKeySpki));
  t.is(Date.parse(ca.validTo), minted.notAfter);
  const longest = Math.min(20 * DAY, upstream.longestTtlMs ?? Infinity);
  t.true(minted.notAfter <= upstream.now + longest + 60_000);
  t.true(minted.notAfter >= upstream.now + longest - 10 * 60_000);
}

function checkChain(t: ExecutionContext, minted: MintedCa, { now }: UpstreamUnderTest): void {
  const path = [minted.caCertificate, ...minted.intermediates].map((der) => new X509Certificate(der));
  const roots = minted.x509Authorities.map((der) => new X509Certificate(der));
  path.forEach((certificate, index) => {
    const issuers = index + 1 < path.length ? path.slice(index + 1, index + 2) : roots;
    t.true(issuers.some((issuer) => certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)));
    t.true(issuers.some((issuer) => Date.parse(certificate.validTo) <= Date.parse(issuer.validTo)));
    t.true(Date.parse(certificate.validFrom) <= now + 1000);
  });
  const delivered = minted.intermediates.map((der) => Buffer.from(der).toString('base64'));
  for (const root of minted.x509Authorities) t.false(delivered.includes(Buffer.from(root).toString('base64')));
}
