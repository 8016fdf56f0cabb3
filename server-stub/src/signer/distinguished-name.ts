import type { SubjectAttribute, SubjectName } from '../domain/subject-name.js';
import { oid, TAG, tlv } from './der.js';

const COUNTRY = '2.5.4.6';
const IA5_TYPES: ReadonlySet<string> = new Set(['0.9.2342.19200300.100.1.25', '1.2.840.113549.1.9.1']);
const PRINTABLE = /^[A-Za-z0-9 '()+,\-./:=?]*$/;

/** Name, DER. Text is a PrintableString where it fits and a UTF8String elsewhere; domain components and e-mail are IA5Strings. */
export function encodeName(name: SubjectName): Buffer {
  const relatives = name.map((attributes) => {
    // DER sorts the members of a SET by their encoding.
    const members = attributes.map(encodeAttribute).sort((a, b) => Buffer.compare(a, b));
    return tlv(TAG.set, ...members);
  });
  return tlv(TAG.sequence, ...relatives);
}

function encodeAttribute({ oid: type, value }: SubjectAttribute): Buffer {
  return tlv(TAG.sequence, oid(type), tlv(stringTag(type, value), Buffer.from(value, 'utf8')));
}

function stringTag(type: string, value: string): number {
  if (type === COUNTRY) return TAG.printableString;
  if (IA5_TYPES.has(type)) return TAG.ia5String;
  return PRINTABLE.test(value) ? TAG.printableString : TAG.utf8String;
}
