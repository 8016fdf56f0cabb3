import { hash } from 'node:crypto';
import fc from 'fast-check';
import type { LibraryLeaf } from '../../../bench/micro/tricks/plain-minting.js';
import type { KeyType } from '../../../server-stub/src/domain/signing-key.js';
import type { SubjectName } from '../../../server-stub/src/domain/subject-name.js';
import { SIGNATURE_ALGORITHMS } from '../../../server-stub/src/signer/algorithms.js';
import { encodeName } from '../../../server-stub/src/signer/distinguished-name.js';
import { LeafTemplate } from '../../../server-stub/src/signer/leaf-template.js';
import { encodeTime } from '../../../server-stub/src/signer/validity.js';

export const OID = {
  C: '2.5.4.6',
  O: '2.5.4.10',
  OU: '2.5.4.11',
  CN: '2.5.4.3',
  DC: '0.9.2342.19200300.100.1.25',
} as const;

function nameOf(name: readonly Record<string, string>[]): SubjectName {
  return name.map((rdn) => Object.entries(rdn).map(([type, value]) => ({ oid: OID[type as keyof typeof OID], value })));
}

export function templateOf(leaf: LibraryLeaf): LeafTemplate {
  return new LeafTemplate({
    signatureAlgorithm: SIGNATURE_ALGORITHMS[leaf.issuerType].identifier,
    issuer: encodeName(nameOf(leaf.issuer)),
    issuerKeyId: leaf.issuerKeyId,
    subject: encodeName(nameOf(leaf.subject)),
  });
}

export function byTemplate(leaf: LibraryLeaf, publicPoint: Uint8Array, template = templateOf(leaf)): Buffer {
  return template.tbs({
    serial: leaf.serial,
    notBefore: encodeTime(leaf.notBefore),
    notAfter: encodeTime(leaf.notAfter),
    publicPoint,
    subjectKeyId: hash('sha1', publicPoint, 'binary'),
    uri: leaf.uri,
  });
}

/** Dates on both sides of the border between UTCTime and GeneralizedTime. */
const seconds = fc.oneof(
  fc.constantFrom(
    Date.UTC(2000, 0, 1) / 1000,
    Date.UTC(2026, 0, 1) / 1000,
    Date.UTC(2049, 11, 31, 23, 59, 59) / 1000,
    Date.UTC(2050, 0, 1) / 1000,
  ),
  fc.integer({ min: Date.UTC(1970, 0, 1) / 1000, max: Date.UTC(2199, 0, 1) / 1000 }),
);
const text = fc
  .string({ minLength: 1, maxLength: 64, unit: fc.constantFrom('a', 'Z', '0', ' ', '-', '.', 'é', '世', '@', '_') })
  .map((s) => s.trim() || 'x');
const rdn = fc.oneof(
  fc.constant({ C: 'US' }),
  text.map((O): Record<string, string> => ({ O })),
  text.map((CN): Record<string, string> => ({ CN })),
  fc.constant<Record<string, string>>({ DC: 'example' }),
);
export const leaves: fc.Arbitrary<LibraryLeaf> = fc.record({
  issuerType: fc.constantFrom<KeyType>('EC-P256', 'EC-P384', 'RSA-2048'),
  issuer: fc.array(rdn, { minLength: 1, maxLength: 4 }),
  subject: fc.array(rdn, { maxLength: 6 }),
  issuerKeyId: fc.uint8Array({ minLength: 8, maxLength: 40 }).map((octets) => Buffer.from(octets)),
  serial: fc
    .uint8Array({ minLength: 16, maxLength: 16 })
    .map((octets) => Buffer.from(octets.map((octet, at) => (at === 0 ? (octet & 0x3f) | 0x40 : octet)))),
  notBefore: seconds,
  notAfter: seconds,
  uri: fc
    .oneof(fc.constantFrom(60, 61, 62, 63, 180, 190, 191, 192, 2000), fc.integer({ min: 1, max: 300 }))
    .map((length) => `spiffe://example.org/${'a'.repeat(length)}`),
});
