import { generateKeyPairSync } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import { SpiffeId } from '../../../src/domain/spiffe-id.js';
import type { SubjectName } from '../../../server-stub/src/domain/subject-name.js';
import { memorySigningKey } from '../../../server-stub/src/key-manager/memory-key.js';
import { DerReader, TAG } from '../../../server-stub/src/signer/der.js';
import { encodeTime, ValidityEncoder } from '../../../server-stub/src/signer/validity.js';
import { WorkloadKeys } from '../../../server-stub/src/signer/workload-key.js';
import { X509Signer, type SignedLeaf } from '../../../server-stub/src/signer/x509-signer.js';
import { caOf, NOW } from './test-ca.js';

const SUBJECTS: readonly SubjectName[] = ['', 'SPIRL', 'SPIRL Ünusual', 'x'.repeat(60)].map((value) =>
  value === '' ? [] : [[{ oid: '2.5.4.10', value }], [{ oid: '2.5.4.3', value: 'checkout' }]],
);

/** What is signed, with zeros in place of the serial number, which is always of the same length. */
function tbsWithoutSerial({ certificate, serial }: SignedLeaf): string {
  const tbs = new DerReader(certificate).enter(TAG.sequence).element(TAG.sequence).whole;
  return Buffer.from(tbs).toString('hex').replace(serial, '00'.repeat(16));
}

test('a signer that remembers subjects says of each what one says that has never met any', async (t) => {
  const key = memorySigningKey('k', 'EC-P256', generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
  const [certificate, { publicPoint }] = [await caOf(key), new WorkloadKeys().next()];
  const spiffeId = SpiffeId.parse('spiffe://example.org/w');
  const asked = fc.array(fc.record({ which: fc.nat({ max: 3 }), sameObject: fc.boolean() }), { maxLength: 12 });
  const property = fc.property(asked, (all) => {
    const remembering = new X509Signer(certificate, key);
    for (const { which, sameObject } of all) {
      const known = SUBJECTS[which] ?? [];
      const request = { spiffeId, subject: sameObject ? known : [...known], ttlMs: 60_000, publicPoint };
      const anew = new X509Signer(certificate, key).signSync(request, NOW);
      t.is(tbsWithoutSerial(remembering.signSync(request, NOW)), tbsWithoutSerial(anew));
    }
  });
  t.notThrows(() => fc.assert(property, { numRuns: 40 }));
});

test('times that are remembered are the times encoded anew, however many were met', (t) => {
  const encoder = new ValidityEncoder();
  const seconds = fc.oneof(
    // Few, so that they come again; both sides of the border between the two ways of writing a time.
    fc.integer({ min: Date.UTC(2049, 11, 31, 23, 59, 30) / 1000, max: Date.UTC(2050, 0, 1, 0, 0, 30) / 1000 }),
    fc.integer({ min: 0, max: Date.UTC(9999, 0, 1) / 1000 }),
  );
  const property = fc.property(seconds, seconds, (from, to) => {
    t.deepEqual(encoder.encode(from, to), [encodeTime(from), encodeTime(to)]);
  });
  t.notThrows(() => fc.assert(property, { numRuns: 1_000 }));
});
