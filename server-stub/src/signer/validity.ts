import { DerReader, MalformedDer, TAG, tlv } from './der.js';

/** UTCTime speaks for 1950 to 2049. */
const FIRST_UTC_YEAR = 1950;
const FIRST_GENERALIZED_YEAR = 2050;
/** Times kept encoded: the seconds of one batch, for a few lifetimes. */
const MAX_CACHED = 64;

/** RFC 5280 4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050, whole seconds, `Z`. */
export function encodeTime(seconds: number): Buffer {
  const date = new Date(seconds * 1000);
  const year = date.getUTCFullYear();
  if (!(year >= FIRST_UTC_YEAR && year <= 9999)) throw new RangeError('a time that X.509 cannot express');
  const digits = `${date.toISOString().slice(0, 19).replace(/[-:T]/g, '')}Z`;
  return year < FIRST_GENERALIZED_YEAR
    ? tlv(TAG.utcTime, Buffer.from(digits.slice(2), 'latin1'))
    : tlv(TAG.generalizedTime, Buffer.from(digits, 'latin1'));
}

/** Content of Validity (both times) in milliseconds since the epoch. */
export function decodeValidity(validity: DerReader): { readonly notBefore: number; readonly notAfter: number } {
  const times = { notBefore: decodeTime(validity), notAfter: decodeTime(validity) };
  validity.end();
  return times;
}

function decodeTime(reader: DerReader): number {
  const utc = reader.nextTag === TAG.utcTime;
  const { content } = reader.element(utc ? TAG.utcTime : TAG.generalizedTime);
  const text = Buffer.from(content).toString('latin1');
  const full = utc ? `${Number(text.slice(0, 2)) < 50 ? '20' : '19'}${text}` : text;
  const digits = /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/.exec(full);
  if (digits === null) throw new MalformedDer('a time in another form than RFC 5280 has');
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = digits.slice(1).map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

/** Encodes the two times of a certificate; a time met again within a batch is encoded once. */
export class ValidityEncoder {
  readonly #encoded = new Map<number, Buffer>();
  /** Both times, in whole seconds since the epoch. */
  encode(notBefore: number, notAfter: number): readonly [Buffer, Buffer] {
    return [this.#time(notBefore), this.#time(notAfter)];
  }
  #time(seconds: number): Buffer {
    const known = this.#encoded.get(seconds);
    if (known !== undefined) return known;
    if (this.#encoded.size >= MAX_CACHED) this.#encoded.clear();
    const encoded = encodeTime(seconds);
    this.#encoded.set(seconds, encoded);
    return encoded;
  }
}
