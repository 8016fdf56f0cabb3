import { X509Certificate } from 'node:crypto';
import test from 'ava';
import { FakeClock } from '../../fakes/fake-clock.js';
import { TrustDomain } from '../../../src/domain/trust-domain.js';
import * as x509 from '../../../src/runtime/x509.js';
import type { KeyType, SigningKey } from '../../../server-stub/src/domain/signing-key.js';
import type { MintedCa } from '../../../server-stub/src/upstream-authority/upstream-authority.js';
import { createSelfSigned } from '../../../server-stub/src/upstream-authority/self-signed.js';
import { UPSTREAM_AUTHORITIES } from '../../../server-stub/src/upstream-authority/upstream-authorities.js';
import { upstreamAuthorityContract } from '../../contract/upstream-authority.js';
import { forever, localKey, remoteKey } from '../signer/signing-keys.js';

const NOW = Date.UTC(2026, 0, 1, 12) + 500;
const TTL = 90 * 24 * 3600 * 1000;

function mint(key: SigningKey, trustDomain = 'example.org'): Promise<MintedCa> {
  const authority = createSelfSigned({ clock: new FakeClock(NOW) });
  const request = { key, keysetId: 'ks_abcdefghij', trustDomain: TrustDomain.parse(trustDomain), preferredTtlMs: TTL };
  return authority.mintCa(request, forever);
}

for (const type of ['EC-P256', 'EC-P384', 'RSA-2048'] as const satisfies KeyType[]) {
  for (const [where, makeKey] of Object.entries({ 'in memory': localKey, 'behind a service': remoteKey })) {
    test(`a CA certificate for a ${type} key ${where} is signed by that key and is a SPIFFE authority`, async (t) => {
      const key = makeKey(type);
      const minted = await mint(key);
      t.deepEqual(minted.x509Authorities, [minted.caCertificate]);
      t.deepEqual(minted.intermediates, []);
      const certificate = new X509Certificate(minted.caCertificate);
      t.true(certificate.ca);
      t.true(certificate.verify(certificate.publicKey));
      t.deepEqual(certificate.publicKey.export({ format: 'der', type: 'spki' }), Buffer.from(key.publicKeySpki));
      t.is(certificate.subject, 'O=example.org\nCN=ks_abcdefghij');
      t.is(certificate.issuer, certificate.subject);
      t.is(certificate.subjectAltName, 'URI:spiffe://example.org');
      t.is(certificate.serialNumber.length, 32);
    });
  }
}

test('its extensions are those of X509-SVID and RFC 5280, with their criticality', async (t) => {
  const { caCertificate } = await mint(localKey());
  const parsed = new x509.X509Certificate(new Uint8Array(caCertificate));
  const constraints = parsed.getExtension(x509.BasicConstraintsExtension);
  t.like(constraints, { ca: true, pathLength: 0, critical: true });
  const usages = parsed.getExtension(x509.KeyUsagesExtension);
  t.like(usages, { usages: x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, critical: true });
  t.false(parsed.getExtension(x509.SubjectAlternativeNameExtension)?.critical);
  const expected = Buffer.from(await parsed.publicKey.getKeyIdentifier()).toString('hex');
  t.is(parsed.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId, expected);
  t.is(parsed.extensions.length, 4);
});

test('it is backdated by a minute and ends when asked, in whole seconds', async (t) => {
  const { caCertificate, notAfter } = await mint(localKey());
  const certificate = new X509Certificate(caCertificate);
  t.is(Date.parse(certificate.validFrom), NOW - 500 - 60_000);
  t.is(Date.parse(certificate.validTo), NOW - 500 + TTL);
  t.is(notAfter, NOW - 500 + TTL);
});

test('a trust domain too long for an organization name is only in the alternative name', async (t) => {
  const long = `${'a'.repeat(200)}.example`;
  const certificate = new X509Certificate((await mint(localKey(), long)).caCertificate);
  t.is(certificate.subject, 'CN=ks_abcdefghij');
  t.is(certificate.subjectAltName, `URI:spiffe://${long}`);
});

test('a certificate that the key service signed wrongly is refused', async (t) => {
  const spoilt = remoteKey('EC-P256', (signature) => signature.map((octet) => octet ^ 1));
  t.like(await t.throwsAsync(mint(spoilt)), { code: 'KEY_SERVICE_UNAVAILABLE' });
});

test('the list of upstream authorities', (t) => {
  t.deepEqual(Object.keys(UPSTREAM_AUTHORITIES), ['selfSigned', 'awsPca', 'disk', 'webhook']);
});

upstreamAuthorityContract(test, 'selfSigned', () =>
  Promise.resolve({ authority: createSelfSigned({ clock: new FakeClock(NOW) }), now: NOW, selfSigned: true }),
);
