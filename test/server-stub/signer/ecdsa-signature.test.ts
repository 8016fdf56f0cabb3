import { createVerify, generateKeyPairSync, sign } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import { MalformedDer } from '../../../server-stub/src/signer/der.js';
import { derFromRaw, rawFromDer } from '../../../server-stub/src/signer/ecdsa-signature.js';

const hex = (text: string): Buffer => Buffer.from(text.replace(/ /g, ''), 'hex');

test('raw to DER and back is the identity for both curves, short integers included', (t) => {
  const halves = fc.constantFrom(32, 48).chain((half) => {
    const integer = fc
      .tuple(fc.integer({ min: 0, max: half - 1 }), fc.uint8Array({ minLength: half, maxLength: half }))
      .map(([zeros, octets]) => octets.fill(0, 0, zeros));
    return fc.tuple(fc.constant(half), integer, integer);
  });
  fc.assert(
    fc.property(halves, ([half, r, s]) => {
      const raw = Buffer.concat([r, s]);
      return rawFromDer(derFromRaw(raw), half).equals(raw);
    }),
  );
  t.pass();
});

test('what the crypto library signs is translated into what it verifies', (t) => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  for (let i = 0; i < 300; i++) {
    const data = Buffer.from(`message ${i}`);
    const der = derFromRaw(sign('sha256', data, { key: privateKey, dsaEncoding: 'ieee-p1363' }));
    t.true(createVerify('sha256').update(data).verify(publicKey, der));
  }
});

const refused: readonly [name: string, der: string][] = [
  ['nothing', ''],
  ['a negative integer', '3006 0201 80 0201 01'],
  ['a needless leading zero', '3007 0202 0001 0201 01'],
  ['an empty integer', '3005 0200 0201 01'],
  ['a length that is not minimal', '308106 0201 01 0201 01'],
  ['an indefinite length', '3080 0201 01 0201 01 0000'],
  ['octets after the end', '3006 0201 01 0201 01 00'],
  ['a third integer', '3009 0201 01 0201 01 0201 01'],
  ['an integer longer than the curve', `3026 0221 ${'7f'.repeat(33)} 0201 01`],
  ['an octet string', '3006 0401 01 0201 01'],
  ['a length cut short', '3082'],
];
for (const [name, der] of refused) {
  test(`a DER signature with ${name} is refused`, (t) => {
    t.throws(() => rawFromDer(hex(der), 32), { instanceOf: MalformedDer });
  });
}

test('no octets whatever make the reader fail otherwise than as malformed', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (octets) => {
      try {
        return derFromRaw(rawFromDer(octets, 32)).equals(octets);
      } catch (error) {
        return error instanceof MalformedDer;
      }
    }),
  );
  t.pass();
});
