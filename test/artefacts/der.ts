/** A strict reader of DER (X.690), written for checking: what is allowed in BER only is refused. */
export interface DerValue {
  /** Identifier octet. */
  readonly tag: number;
  readonly content: Buffer;
  /** Header and content. */
  readonly whole: Buffer;
}

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  sequence: 0x30,
  set: 0x31,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
} as const;

/** The value that `bytes` begin with. */
export function firstValue(bytes: Buffer): DerValue {
  const [tag, first] = bytes;
  if (tag === undefined || first === undefined) throw new Error('DER ends too early');
  if ((tag & 0x1f) === 0x1f) throw new Error('a tag of several octets');
  if (first === 0x80) throw new Error('an indefinite length');
  let [header, length] = [2, first];
  if (first > 0x80) {
    const width = first & 0x7f;
    if (width > 4 || bytes.length < 2 + width) throw new Error('a length that cannot be');
    length = bytes.readUIntBE(2, width);
    if (length < 0x80 || (width > 1 && bytes[2] === 0)) throw new Error('a length that is not minimal');
    header += width;
  }
  if (bytes.length < header + length) throw new Error('DER ends too early');
  return { tag, content: bytes.subarray(header, header + length), whole: bytes.subarray(0, header + length) };
}

/** The values that follow each other in `bytes`, to the last octet. */
export function allValues(bytes: Buffer): DerValue[] {
  const found: DerValue[] = [];
  for (let at = 0; at < bytes.length;) {
    const value = firstValue(bytes.subarray(at));
    found.push(value);
    at += value.whole.length;
  }
  return found;
}

/** The one value that `bytes` are. */
export function onlyValue(bytes: Buffer, tag: number): DerValue {
  const value = firstValue(bytes);
  if (value.whole.length !== bytes.length) throw new Error('octets after the end');
  return expectTag(value, tag);
}

export function expectTag(value: DerValue | undefined, tag: number): DerValue {
  if (value?.tag === tag) return value;
  throw new Error(`tag ${tag.toString(16)} expected, found ${value?.tag.toString(16) ?? 'nothing'}`);
}

/** Children of a SEQUENCE or SET. */
export function children(value: DerValue | undefined, tag: number): DerValue[] {
  return allValues(expectTag(value, tag).content);
}

export function booleanOf(value: DerValue): boolean {
  const { content } = expectTag(value, TAG.boolean);
  if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff))
    throw new Error('a BOOLEAN that is not 00 or FF');
  return content[0] === 0xff;
}

export function integerOf(value: DerValue | undefined): bigint {
  const { content } = expectTag(value, TAG.integer);
  const [first, second] = content;
  if (first === undefined) throw new Error('an INTEGER without octets');
  const padded = second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80));
  if (padded) throw new Error('an INTEGER that is not minimal');
  return BigInt.asIntN(content.length * 8, BigInt(`0x${content.toString('hex')}`));
}

/** Dotted form. */
export function oidOf(value: DerValue | undefined): string {
  const arcs: number[] = [];
  let arc = 0;
  let fresh = true;
  for (const octet of expectTag(value, TAG.oid).content) {
    if (fresh && octet === 0x80) throw new Error('an OID arc that is not minimal');
    arc = arc * 128 + (octet & 0x7f);
    fresh = octet < 0x80;
    if (!fresh) continue;
    if (arcs.length === 0) arcs.push(Math.min(2, Math.floor(arc / 40)), arc - 40 * Math.min(2, Math.floor(arc / 40)));
    else arcs.push(arc);
    arc = 0;
  }
  if (!fresh || arcs.length === 0) throw new Error('an OID that ends too early');
  return arcs.join('.');
}

/** Octets of a BIT STRING that is a whole number of octets long. */
export function bitOctets(value: DerValue | undefined): Buffer {
  const { content } = expectTag(value, TAG.bitString);
  if (content[0] !== 0) throw new Error('a BIT STRING with unused bits');
  return content.subarray(1);
}

/** Numbers of the bits that are set in a named bit list; DER leaves out trailing zero bits. */
export function namedBits(value: DerValue | undefined): number[] {
  const { content } = expectTag(value, TAG.bitString);
  const unused = content[0] ?? 8;
  const octets = content.subarray(1);
  const last = octets.at(-1);
  if (unused > 7 || (last === undefined && unused !== 0)) throw new Error('a BIT STRING with impossible unused bits');
  if (last !== undefined && ((last >> unused) & 1) === 0) throw new Error('a named bit list with trailing zero bits');
  return [...octets].flatMap((octet, at) =>
    [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => octet & (0x80 >> bit)).map((b) => at * 8 + b),
  );
}

/** Milliseconds since the epoch. RFC 5280 4.1.2.5: UTCTime to 2049, GeneralizedTime after, always with seconds and Z. */
export function timeOf(value: DerValue | undefined): number {
  const text = value?.content.toString('latin1') ?? '';
  if (value?.tag === TAG.utcTime) {
    if (!/^\d{12}Z$/.test(text)) throw new Error(`not a UTCTime of RFC 5280: ${text}`);
    return calendar(`${Number(text.slice(0, 2)) < 50 ? '20' : '19'}${text}`);
  }
  expectTag(value, TAG.generalizedTime);
  if (!/^\d{14}Z$/.test(text)) throw new Error(`not a GeneralizedTime of RFC 5280: ${text}`);
  if (Number(text.slice(0, 4)) < 2050) throw new Error('GeneralizedTime before 2050');
  return calendar(text);
}

function calendar(text: string): number {
  const iso = text.replace(/^(....)(..)(..)(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z');
  const time = Date.parse(iso);
  if (Number.isNaN(time) || new Date(time).toISOString().slice(0, 19) !== iso.slice(0, 19))
    throw new Error(`no such time: ${text}`);
  return time;
}
