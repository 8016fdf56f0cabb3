import { generateKeyPairSync, sign, webcrypto } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import * as x509 from '../../../src/runtime/x509.js';
import { hasCode } from '../../../src/runtime/errors.js';
import { provenPublicPoint } from '../../../server-stub/src/signer/certificate-request.js';
import { oid, TAG, tlv } from '../../../server-stub/src/signer/der.js';

type Algorithm = {
  name: string;
  namedCurve?: string;
  modulusLength?: number;
  publicExponent?: Uint8Array;
  hash?: string;
};

/** A request as the certificate library makes it, with its point. */
async function requestOf(algorithm: Algorithm, hash = 'SHA-256'): Promise<{ der: Buffer; spki: Buffer }> {
  const keys = await webcrypto.subtle.generateKey(algorithm as never, true, ['sign', 'verify']);
  const request = await x509.Pkcs10CertificateRequestGenerator.create(
    {
      name: 'CN=anything',
      keys,
      signingAlgorithm: { name: algorithm.name, hash },
      extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'url', value: 'spiffe://example.org/admin' }])],
    },
    webcrypto,
  );
  const spki = Buffer.from(await webcrypto.subtle.exportKey('spki', keys.publicKey));
  return { der: Buffer.from(request.rawData), spki };
}

const P256 = { name: 'ECDSA', namedCurve: 'P-256' };

/** A request put together by hand, wrong in one place. */
function madeByHand(wrong: { version?: number; spki?: Buffer; tail?: Buffer; attributes?: Buffer } = {}): Buffer {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = wrong.spki ?? publicKey.export({ format: 'der', type: 'spki' });
  const info = tlv(
    TAG.sequence,
    tlv(TAG.integer, Buffer.of(wrong.version ?? 0)),
    tlv(TAG.sequence),
    spki,
    wrong.attributes ?? tlv(0xa0),
  );
  const algorithm = tlv(TAG.sequence, oid('1.2.840.10045.4.3.2'));
  const signature = tlv(TAG.bitString, Buffer.of(0), sign('sha256', info, privateKey));
  return tlv(TAG.sequence, info, algorithm, signature, wrong.tail ?? Buffer.alloc(0));
}

test('the key of a proper request comes out, and nothing else of it matters', async (t) => {
  for (let i = 0; i < 10; i++) {
    const { der, spki } = await requestOf(P256);
    t.deepEqual(Buffer.from(await provenPublicPoint(der)), spki.subarray(-65));
  }
  await t.notThrowsAsync(provenPublicPoint(madeByHand()));
});

const offCurve = Buffer.from(`3059301306072a8648ce3d020106082a8648ce3d03010703420004${'11'.repeat(64)}`, 'hex');
const refused: Readonly<Record<string, () => Buffer | Promise<Buffer>>> = {
  'nothing at all': () => Buffer.alloc(0),
  'a P-384 key': async () => (await requestOf({ name: 'ECDSA', namedCurve: 'P-384' })).der,
  'an RSA key': async () =>
    (
      await requestOf({
        name: 'RSASSA-PKCS1-v1_5',
        modulusLength: 2048,
        publicExponent: Uint8Array.of(1, 0, 1),
        hash: 'SHA-256',
      })
    ).der,
  'another hash': async () => (await requestOf(P256, 'SHA-384')).der,
  'another version': () => madeByHand({ version: 1 }),
  'a point that is not on the curve': () => madeByHand({ spki: offCurve }),
  'a foreign key, whose private half the sender lacks': () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    return madeByHand({ spki: publicKey.export({ format: 'der', type: 'spki' }) });
  },
  'octets after the end': () => Buffer.concat([madeByHand(), Buffer.of(0)]),
  'a fourth element': () => madeByHand({ tail: tlv(TAG.null) }),
  'no attributes field': () => madeByHand({ attributes: Buffer.alloc(0) }),
  'five kilobytes': () => madeByHand({ attributes: tlv(0xa0, Buffer.alloc(5000)) }),
};
for (const [name, make] of Object.entries(refused)) {
  test(`a request with ${name} is refused`, async (t) => {
    t.like(await t.throwsAsync(provenPublicPoint(await make())), { code: 'INVALID_REQUEST' });
  });
}

test('a request changed in any one octet is refused or still proves the same key', async (t) => {
  const { der, spki } = await requestOf(P256);
  const accepted: number[] = [];
  for (let at = 0; at < der.length; at++) {
    const changed = Buffer.from(der);
    changed[at] = (changed[at] ?? 0) ^ 0x01;
    await provenPublicPoint(changed).then(
      (point) => accepted.push(at) && t.deepEqual(Buffer.from(point), spki.subarray(-65)),
      (error: unknown) => t.true(hasCode(error, 'INVALID_REQUEST')),
    );
  }
  t.deepEqual(accepted, []);
});

test('random octets and random cuts of a request are refused, never anything worse', async (t) => {
  const { der } = await requestOf(P256);
  const cut = fc.tuple(fc.nat(der.length - 1), fc.nat(der.length - 1)).map(([from, to]) => {
    return Buffer.concat([der.subarray(0, Math.min(from, to)), der.subarray(Math.max(from, to) + 1)]);
  });
  const noise = fc.uint8Array({ maxLength: 400 }).map((octets) => Buffer.from(octets));
  await fc.assert(
    fc.asyncProperty(fc.oneof(cut, noise), async (octets) => {
      const error: unknown = await provenPublicPoint(octets).catch((reason: unknown) => reason);
      return hasCode(error, 'INVALID_REQUEST');
    }),
    { numRuns: 500 },
  );
  t.pass();
});
