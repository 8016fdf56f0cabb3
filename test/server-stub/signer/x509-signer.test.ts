import { X509Certificate } from 'node:crypto';
import test from 'ava';
import { SpiffeId } from '../../../src/domain/spiffe-id.js';
import * as x509 from '../../../src/runtime/x509.js';
import type { KeyType, SigningKey } from '../../../server-stub/src/domain/signing-key.js';
import { WorkloadKeys } from '../../../server-stub/src/signer/workload-key.js';
import { X509Signer, type LeafRequest } from '../../../server-stub/src/signer/x509-signer.js';
import { forever, localKey, remoteKey } from './signing-keys.js';
import { caOf, DAY, NOW } from './test-ca.js';

const HOUR = 3_600_000;
const spiffeId = SpiffeId.parse('spiffe://example.org/ns/default/sa/web');
const keys = new WorkloadKeys();
const request = (more: Partial<LeafRequest> = {}): LeafRequest => ({
  spiffeId,
  subject: [],
  ttlMs: 24 * HOUR,
  publicPoint: keys.next().publicPoint,
  ...more,
});
const signerOf = async (key: SigningKey, now?: number, ttlMs?: number): Promise<X509Signer> =>
  new X509Signer(await caOf(key, now, ttlMs), key);

for (const type of ['EC-P256', 'EC-P384', 'RSA-2048'] as const satisfies KeyType[]) {
  for (const [where, makeKey] of Object.entries({ 'in memory': localKey, 'behind a service': remoteKey })) {
    test(`a leaf signed with ${type} ${where} verifies under its CA and says what was asked`, async (t) => {
      const key = makeKey(type);
      const ca = new X509Certificate(await caOf(key));
      const signer = new X509Signer(ca.raw, key);
      for (let i = 0; i < 5; i++) {
        const leaf = await signer.sign(request(), NOW, forever);
        const certificate = new X509Certificate(leaf.certificate);
        t.true(certificate.verify(ca.publicKey));
        t.true(certificate.checkIssued(ca));
        t.false(certificate.ca);
        t.is(certificate.subjectAltName, `URI:${spiffeId.toString()}`);
        t.is(certificate.serialNumber.toLowerCase(), leaf.serial);
        t.is(Date.parse(certificate.validFrom), leaf.notBefore);
        t.is(Date.parse(certificate.validTo), leaf.notAfter);
        t.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
      }
    });
  }
}

test('a leaf is backdated by a minute and lives as long as was asked, in whole seconds', async (t) => {
  const key = localKey();
  const signer = await signerOf(key);
  const leaf = await signer.sign(request({ ttlMs: HOUR }), NOW + HOUR + 999, forever);
  t.is(leaf.notBefore, NOW + HOUR - 60_000);
  t.is(leaf.notAfter, NOW + 2 * HOUR);
});

test('a leaf never begins before its CA nor outlives it', async (t) => {
  const key = localKey();
  const signer = await signerOf(key, NOW, 2 * HOUR);
  const leaf = await signer.sign(request({ ttlMs: DAY }), NOW - 30_000, forever);
  t.is(leaf.notBefore, NOW - 60_000);
  t.is(leaf.notAfter, NOW + 2 * HOUR);
});

for (const [name, at] of [
  ['has expired', NOW + 90 * DAY],
  ['is not valid yet', NOW - DAY],
] as const) {
  test(`nothing is signed with a CA that ${name}`, async (t) => {
    const signer = await signerOf(localKey());
    const error = await t.throwsAsync(signer.sign(request(), at, forever));
    t.like(error, { code: 'UNAVAILABLE' });
  });
}

test('the trust domain itself is no workload', async (t) => {
  const signer = await signerOf(localKey());
  const error = await t.throwsAsync(
    signer.sign(request({ spiffeId: SpiffeId.parse('spiffe://example.org') }), NOW, forever),
  );
  t.like(error, { code: 'INVALID_SPIFFE_ID' });
});

test('a signature that a service made with another key does not leave', async (t) => {
  const good = remoteKey();
  const signer = await signerOf(good);
  const wrong = { ...remoteKey('EC-P256', (signature) => signature.map((octet) => octet ^ 1)) };
  const bad: SigningKey = { ...good, sign: (data, signal) => wrong.sign(data, signal) };
  const error = await t.throwsAsync((await signerOf(good)).sign(request(), NOW, AbortSignal.abort(new Error('gone'))));
  t.is(error.message, 'gone');
  const spoilt = new X509Signer(await caOf(good), bad);
  t.like(await t.throwsAsync(spoilt.sign(request(), NOW, forever)), { code: 'KEY_SERVICE_UNAVAILABLE' });
  await t.notThrowsAsync(signer.sign(request(), NOW, forever));
});

test('a CA certificate of another key is refused at once', async (t) => {
  const certificate = await caOf(localKey());
  t.throws(() => new X509Signer(certificate, localKey()), { message: /not one of key/ });
});

test('issuer name and key identifier are copied from the CA, whatever they look like', async (t) => {
  const key = localKey();
  const oddId = 'a0b1c2d3e4f5a0b1';
  const caPair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  const name = new x509.Name([{ O: [{ bmpString: 'Ünusual' }] }, { CN: [{ utf8String: 'ks_plain' }] }]);
  const ca = await x509.X509CertificateGenerator.create(
    {
      subject: name,
      issuer: 'CN=company root',
      publicKey: new x509.PublicKey(key.publicKeySpki),
      signingKey: caPair.privateKey,
      signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
      notBefore: new Date(NOW),
      notAfter: new Date(NOW + DAY),
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.SubjectKeyIdentifierExtension(oddId),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      ],
    },
    crypto,
  );
  const signer = new X509Signer(new Uint8Array(ca.rawData), key);
  const leaf = new x509.X509Certificate(new Uint8Array((await signer.sign(request(), NOW, forever)).certificate));
  t.deepEqual(Buffer.from(leaf.issuerName.toArrayBuffer()), Buffer.from(name.toArrayBuffer()));
  t.is(leaf.getExtension(x509.AuthorityKeyIdentifierExtension)?.keyId, oddId);
});

test('the alternative name is critical if and only if there is no subject', async (t) => {
  const signer = await signerOf(localKey());
  const subject = [[{ oid: '2.5.4.6', value: 'US' }], [{ oid: '2.5.4.10', value: 'SPIRL' }]];
  for (const [given, critical, shown] of [
    [[], true, ''],
    [subject, false, 'C=US, O=SPIRL'],
  ] as const) {
    const leaf = await signer.sign(request({ subject: given }), NOW, forever);
    const parsed = new x509.X509Certificate(new Uint8Array(leaf.certificate));
    t.is(parsed.getExtension(x509.SubjectAlternativeNameExtension)?.critical, critical);
    t.is(parsed.subject, shown);
  }
});

test('more subjects than templates are kept are all served', async (t) => {
  const signer = await signerOf(localKey());
  for (let i = 0; i < 300; i++) {
    const subject = [[{ oid: '2.5.4.3', value: `workload ${i}` }]];
    const leaf = await signer.sign(request({ subject }), NOW, forever);
    t.is(new X509Certificate(leaf.certificate).subject, `CN=workload ${i}`);
  }
});

test('lifetimes across the end of 2049, where X.509 changes its way of writing times, are read back as meant', async (t) => {
  const eve = Date.UTC(2049, 11, 31, 12);
  const key = localKey();
  const ca = await caOf(key, eve, 10 * DAY);
  const leaf = await new X509Signer(ca, key).sign(request({ ttlMs: 30 * DAY }), eve + HOUR, forever);
  const certificate = new X509Certificate(leaf.certificate);
  t.is(Date.parse(certificate.validFrom), eve + HOUR - 60_000);
  t.is(Date.parse(certificate.validTo), eve + 10 * DAY);
  t.true(certificate.verify(new X509Certificate(ca).publicKey));
});
