import test from 'ava';
import * as x509 from '../../../src/runtime/x509.js';
import type { IssuedChain, IssueRequest } from '../../../server-stub/src/upstream-authority/ca-issuer.js';
import { acceptAnswer, type AnswerCheck } from '../../../server-stub/src/upstream-authority/upstream-answer.js';
import { TestCa, type CertificateOptions } from '../../fakes/test-pki.js';
import { localKey } from '../signer/signing-keys.js';
import { DAY, issueRequest, NOW } from './upstream-of.js';

/** Root, intermediate (one CA may follow), and our CA for `request`, each changed as a test wants. */
interface Pki {
  readonly request: IssueRequest;
  readonly root: TestCa;
  readonly middle: TestCa;
  readonly ours: Buffer;
}

interface Changes {
  readonly root?: Partial<CertificateOptions>;
  readonly middle?: Partial<CertificateOptions>;
  readonly ours?: Partial<CertificateOptions>;
  readonly spki?: Uint8Array;
  readonly preferredTtlMs?: number;
}

async function pkiOf(changes: Changes = {}): Promise<Pki> {
  const request = issueRequest(changes.preferredTtlMs);
  const root = await TestCa.root('root', { now: NOW, ...changes.root });
  const middle = await root.sub('middle', { now: NOW, pathLength: 1, ...changes.middle });
  const spki = changes.spki ?? request.key.publicKeySpki;
  const ours = await middle.certify(spki, { now: NOW, pathLength: 0, notAfter: NOW + 90 * DAY, ...changes.ours });
  return { request, root, middle, ours };
}

const answerOf = ({ ours, middle, root }: Pki): IssuedChain => ({ chain: [ours, middle.der], roots: [root.der] });

function accept(pki: Pki, issued = answerOf(pki)) {
  return acceptAnswer('the test', issued, pki.request, NOW);
}

test('a correct answer is taken: our CA, the intermediates without the root, the roots, the end', async (t) => {
  const pki = await pkiOf();
  const minted = accept(pki);
  t.deepEqual(Buffer.from(minted.caCertificate), pki.ours);
  t.deepEqual(
    minted.intermediates.map((der) => Buffer.from(der)),
    [pki.middle.der],
  );
  t.deepEqual(
    minted.x509Authorities.map((der) => Buffer.from(der)),
    [pki.root.der],
  );
  t.is(minted.notAfter, NOW + 90 * DAY);
});

test('order, doubles, strangers and the root within the chain do no harm', async (t) => {
  const pki = await pkiOf();
  const stranger = await TestCa.root('stranger', { now: NOW });
  const between = await stranger.sub('between', { now: NOW });
  const chain = [pki.ours, pki.root.der, between.der, pki.middle.der, pki.middle.der, pki.ours];
  const minted = accept(pki, { chain, roots: [pki.root.der, pki.root.der, stranger.der] });
  t.deepEqual(
    minted.intermediates.map((der) => Buffer.from(der)),
    [pki.middle.der],
  );
  t.deepEqual(
    minted.x509Authorities.map((der) => Buffer.from(der)),
    [pki.root.der, stranger.der],
  );
});

test('an intermediate that the root signed twice is usable while one of its certificates is', async (t) => {
  const pki = await pkiOf();
  const expired = await pki.root.certify(await spkiOf(pki.middle), {
    now: NOW,
    subject: 'CN=middle',
    notBefore: NOW - 9 * DAY,
    notAfter: NOW - DAY,
  });
  const minted = accept(pki, { chain: [pki.ours, expired, pki.middle.der], roots: [pki.root.der] });
  t.deepEqual(
    minted.intermediates.map((der) => Buffer.from(der)),
    [pki.middle.der],
  );
});

test('an authority may issue right below the root, and give less time than asked', async (t) => {
  const request = issueRequest();
  const root = await TestCa.root('root', { now: NOW, curve: 'P-384', hash: 'SHA-384' });
  const options = { now: NOW, pathLength: 0, notAfter: NOW + 7 * DAY, hash: 'SHA-384' };
  const ours = await root.certify(request.key.publicKeySpki, options);
  const minted = acceptAnswer('the test', { chain: [ours], roots: [root.der] }, request, NOW);
  t.deepEqual(minted.intermediates, []);
  t.is(minted.notAfter, NOW + 7 * DAY);
});

const extendedUsage = (...purposes: string[]) => new x509.ExtendedKeyUsageExtension(purposes);
const refused: { name: string; changes: Changes; check: AnswerCheck; says: RegExp }[] = [
  { name: 'another public key', changes: { spki: localKey().publicKeySpki }, check: 'public key', says: /not the one/ },
  { name: 'no CA', changes: { ours: { ca: false } }, check: 'basic constraints', says: /no CA/ },
  {
    name: 'no limit below it',
    changes: { ours: { pathLength: undefined } },
    check: 'path length',
    says: /not limited, 0/,
  },
  { name: 'room for CAs below it', changes: { ours: { pathLength: 1 } }, check: 'path length', says: /it is 1, 0/ },
  {
    name: 'no permission to sign certificates',
    changes: { ours: { keyUsage: new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature) } },
    check: 'key usage',
    says: /keyCertSign/,
  },
  { name: 'no key usage', changes: { ours: { without: ['2.5.29.15'] } }, check: 'key usage', says: /keyCertSign/ },
  {
    name: 'a purpose that leaves do not have',
    changes: { ours: { more: [extendedUsage('1.3.6.1.5.5.7.3.1')] } },
    check: 'extended key usage',
    says: /server and client/,
  },
  { name: 'no subject', changes: { ours: { subject: '' } }, check: 'names', says: /subject is empty/ },
  {
    name: 'no key identifier',
    changes: { ours: { without: ['2.5.29.14'] } },
    check: 'names',
    says: /subject key identifier/,
  },
  {
    name: 'something critical that nobody knows',
    changes: { ours: { more: [new x509.Extension('1.2.3.4', true, new Uint8Array([5, 0]))] } },
    check: 'critical extensions',
    says: /1\.2\.3\.4/,
  },
  {
    name: 'an RSA-1024 signature above it',
    changes: { middle: { rsaBits: 1024 } },
    check: 'algorithms',
    says: /CN=middle.*1024/,
  },
  { name: 'SHA-1', changes: { ours: { hash: 'SHA-1' } }, check: 'algorithms', says: /SHA-1; ECDSA or RSA/ },
  { name: 'SHA-1 above it', changes: { middle: { hash: 'SHA-1' } }, check: 'algorithms', says: /CN=middle.*SHA-1/ },
  { name: 'a start tomorrow', changes: { ours: { notBefore: NOW + DAY } }, check: 'validity', says: /2026-01-02/ },
  {
    name: 'an end yesterday',
    changes: { ours: { notBefore: NOW - 2 * DAY, notAfter: NOW - DAY } },
    check: 'validity',
    says: /2025-12-31/,
  },
  {
    name: 'less than a rotation takes',
    changes: { ours: { notAfter: NOW + 59 * 60_000 } },
    check: 'lifetime',
    says: /59m0s are left, a rotation needs 1h0m0s/,
  },
  {
    name: 'an intermediate that may not sign',
    changes: { middle: { keyUsage: new x509.KeyUsagesExtension(x509.KeyUsageFlags.cRLSign) } },
    check: 'chain',
    says: /CN=middle" may not sign/,
  },
  { name: 'an intermediate that is no CA', changes: { middle: { ca: false } }, check: 'chain', says: /may not sign/ },
  {
    name: 'an intermediate that allows no CA below it',
    changes: { middle: { pathLength: 0 } },
    check: 'chain',
    says: /allows 0 CAs below it, 1/,
  },
  { name: 'a root that allows one CA', changes: { root: { pathLength: 1 } }, check: 'chain', says: /allows 1 .*, 2/ },
  {
    name: 'an intermediate that has expired',
    changes: { middle: { notBefore: NOW - 9 * DAY, notAfter: NOW - DAY } },
    check: 'chain',
    says: /CN=middle" is not valid now/,
  },
  {
    name: 'a life beyond that of its chain',
    changes: { middle: { notAfter: NOW + 30 * DAY } },
    check: 'chain',
    says: /ends 2026-01-31.*before our CA/,
  },
  {
    name: 'a root that has expired',
    changes: { root: { notBefore: NOW - 9 * DAY, notAfter: NOW - DAY } },
    check: 'roots',
    says: /root 1 is valid/,
  },
  { name: 'a root that is no CA', changes: { root: { ca: false } }, check: 'roots', says: /root 1 may not sign/ },
  { name: 'a root with a weak key', changes: { root: { rsaBits: 1024 } }, check: 'roots', says: /root 1 .*1024 bits/ },
];
for (const { name, changes, check, says } of refused) {
  test(`refused for its ${check}: ${name}`, async (t) => {
    const pki = await pkiOf(changes);
    const error = t.throws(() => accept(pki), { code: 'KEY_SERVICE_REFUSED' });
    t.like(error, { check });
    t.regex(error.message, says);
    t.true(error.message.startsWith(`the answer of the test is refused: ${check}: `), error.message);
  });
}

test('the shortest life that is accepted shrinks with what was asked for', async (t) => {
  const pki = await pkiOf({ preferredTtlMs: 10 * 60_000, ours: { notAfter: NOW + 6 * 60_000 } });
  t.is(accept(pki).notAfter, NOW + 6 * 60_000);
});

const spkiOf = async (ca: TestCa): Promise<Uint8Array> =>
  new Uint8Array(await crypto.subtle.exportKey('spki', ca.keys.publicKey));

test('refused: no chain, no roots, no certificates, too many, roots that are none, roots of somebody else', async (t) => {
  const pki = await pkiOf();
  const { ours, middle, root } = pki;
  const other = await TestCa.root('root', { now: NOW });
  const junk = Buffer.from('not a certificate');
  const cases: [IssuedChain, AnswerCheck, RegExp][] = [
    [{ chain: [], roots: [root.der] }, 'certificates', /chain is empty/],
    [{ chain: [ours, junk], roots: [root.der] }, 'certificates', /chain: number 2/],
    [{ chain: [ours], roots: [junk] }, 'certificates', /roots: number 1/],
    [{ chain: [ours, ...Array<Buffer>(16).fill(middle.der)], roots: [root.der] }, 'certificates', /at most 16/],
    [{ chain: [ours, middle.der], roots: [] }, 'roots', /none/],
    [{ chain: [ours, middle.der], roots: [middle.der] }, 'roots', /not self-signed/],
    [{ chain: [ours, middle.der], roots: [other.der] }, 'chain', /none of the returned roots/],
    [{ chain: [ours], roots: [root.der] }, 'chain', /none of the returned roots/],
    [{ chain: [middle.der, ours], roots: [root.der] }, 'public key', /not the one/],
  ];
  for (const [issued, check, says] of cases) {
    const error = t.throws(() => accept(pki, issued));
    t.like(error, { check });
    t.regex(error.message, says);
  }
});

test('whatever bytes an authority answers, the refusal is one of ours', async (t) => {
  const pki = await pkiOf();
  for (let index = 0; index < pki.ours.length; index += 7) {
    const spoilt = Buffer.from(pki.ours);
    spoilt[index] = (spoilt[index] ?? 0) ^ 0x55;
    t.throws(() => accept(pki, { chain: [spoilt, pki.middle.der], roots: [pki.root.der] }), {
      code: 'KEY_SERVICE_REFUSED',
    });
  }
});
