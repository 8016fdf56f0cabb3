import { X509Certificate } from 'node:crypto';
import test from 'ava';
import { TrustDomain } from '../../../src/domain/trust-domain.js';
import { UPSTREAM_AUTHORITIES } from '../../../server-stub/src/upstream-authority/upstream-authorities.js';
import { upstreamAuthorityContract } from '../../contract/upstream-authority.js';
import { strayKey, TestCa, type CertificateOptions } from '../../fakes/test-pki.js';
import { forever, localKey } from '../signer/signing-keys.js';
import { DAY, FakeFiles, NOW, partsOf } from './upstream-of.js';

const SETTINGS = {
  certFilePath: '/etc/spirl/ca.pem',
  keyFilePath: '/etc/spirl/ca.key',
  bundleFilePath: '/etc/spirl/bundle.pem',
};

async function diskOf(options: Partial<CertificateOptions> = {}) {
  const root = await TestCa.root('company root', { now: NOW });
  const ca = await root.sub('company CA', { now: NOW, pathLength: 1, ...options });
  const files = new FakeFiles({
    [SETTINGS.certFilePath]: ca.pem,
    [SETTINGS.keyFilePath]: await ca.keyPem(),
    [SETTINGS.bundleFilePath]: root.pem,
  });
  const authority = UPSTREAM_AUTHORITIES.disk(SETTINGS, partsOf({ files }));
  return { root, ca, files, authority, now: NOW };
}

upstreamAuthorityContract(test, 'disk', () => diskOf());

const request = () => ({
  key: localKey(),
  keysetId: 'ks_aaaaaaaaaa',
  trustDomain: TrustDomain.parse('example.org'),
  preferredTtlMs: 90 * DAY,
});

for (const [name, options] of Object.entries({
  'P-384': { curve: 'P-384', hash: 'SHA-384' },
  'P-521': { curve: 'P-521', hash: 'SHA-512' },
  'RSA-3072': { rsaBits: 3072 },
} as const)) {
  test(`a CA on disk may have a key of type ${name}`, async (t) => {
    const { authority, ca } = await diskOf(options);
    const minted = await authority.mintCa(request(), forever);
    t.true(new X509Certificate(minted.caCertificate).verify(new X509Certificate(ca.der).publicKey));
  });
}

test('a root on disk needs no bundle', async (t) => {
  const root = await TestCa.root('company root', { now: NOW });
  const files = new FakeFiles({ '/etc/spirl/ca.pem': root.pem, '/etc/spirl/ca.key': await root.keyPem() });
  const { certFilePath, keyFilePath } = SETTINGS;
  const authority = UPSTREAM_AUTHORITIES.disk({ certFilePath, keyFilePath }, partsOf({ files }));
  const minted = await authority.mintCa(request(), forever);
  t.deepEqual(minted.intermediates, []);
  t.deepEqual(
    minted.x509Authorities.map((der) => Buffer.from(der)),
    [root.der],
  );
});

test('intermediates may stand behind the certificate or in the bundle', async (t) => {
  const { root, files, authority } = await diskOf();
  const policy = await root.sub('policy', { now: NOW, pathLength: 2 });
  const issuing = await policy.sub('issuing', { now: NOW, pathLength: 1 });
  files.contents.set(SETTINGS.keyFilePath, await issuing.keyPem());
  for (const [chain, bundle] of [
    [issuing.pem + policy.pem, root.pem],
    [issuing.pem, root.pem + policy.pem],
  ] as const) {
    files.contents.set(SETTINGS.certFilePath, chain).set(SETTINGS.bundleFilePath, bundle);
    const minted = await authority.mintCa(request(), forever);
    t.deepEqual(
      minted.intermediates.map((der) => Buffer.from(der)),
      [issuing.der, policy.der],
    );
  }
});

test('what it issues ends with its chain, not with a root that has nothing to do with it', async (t) => {
  const { authority, files, root } = await diskOf({ notAfter: NOW + 30 * DAY });
  const other = await TestCa.root('an old root', { now: NOW, notAfter: NOW + DAY });
  files.contents.set(SETTINGS.bundleFilePath, root.pem + other.pem);
  t.is((await authority.mintCa(request(), forever)).notAfter, NOW + 30 * DAY);
});

test('the files are read at each use: a replaced CA issues the next certificate', async (t) => {
  const { authority, files } = await diskOf();
  const first = await authority.mintCa(request(), forever);
  const next = await diskOf();
  for (const [path, content] of next.files.contents) files.contents.set(path, content);
  const second = await authority.mintCa(request(), forever);
  t.notDeepEqual(first.x509Authorities, second.x509Authorities);
  t.deepEqual(
    second.x509Authorities.map((der) => Buffer.from(der)),
    [next.root.der],
  );
});

test('certificate and key that are no pair are refused, and so is everything else that cannot be used', async (t) => {
  const { authority, files, root, ca } = await diskOf();
  const good = new Map(files.contents);
  const { certFilePath, keyFilePath, bundleFilePath } = SETTINGS;
  const leaf = await root.certify(localKey().publicKeySpki, { now: NOW, ca: false });
  const leafPem = `-----BEGIN CERTIFICATE-----\n${leaf.toString('base64')}\n-----END CERTIFICATE-----\n`;
  const stranger = await TestCa.root('stranger', { now: NOW });
  const cases: [string, string, string | undefined, RegExp][] = [
    ['another key', keyFilePath, strayKey().pem, /ca\.pem and key \/etc\/spirl\/ca\.key are no pair/],
    ['no key', keyFilePath, 'very secret', /holds no PEM private key/],
    ['an encrypted key', keyFilePath, '-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n', /encrypted/],
    ['no certificate', certFilePath, 'nothing', /holds no PEM certificate/],
    ['a broken certificate', certFilePath, leafPem.replace('MII', 'MIJ'), /cannot be read/],
    ['a leaf', certFilePath, leafPem, /no pair|no CA/],
    ['no root', bundleFilePath, ca.pem, /no root certificate/],
    ['another root', bundleFilePath, stranger.pem, /leads to none of the roots/],
    ['a missing file', keyFilePath, undefined, /does not exist/],
  ];
  for (const [name, path, content, says] of cases) {
    files.contents.clear();
    for (const [file, text] of good) files.contents.set(file, text);
    if (content === undefined) files.contents.delete(path);
    else files.contents.set(path, content);
    const error = await t.throwsAsync(authority.mintCa(request(), forever), undefined, name);
    t.regex(error.message, says, name);
    t.false(error.message.includes('very secret'));
  }
});
