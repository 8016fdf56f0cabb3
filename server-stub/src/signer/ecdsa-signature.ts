import { DerReader, MalformedDer, TAG } from './der.js';

/** ECDSA signature r||s (two halves of equal length) as X.509 wants it: SEQUENCE of two minimal, non-negative integers. */
export function derFromRaw(raw: Uint8Array): Buffer {
  if (raw.length === 0 || raw.length % 2 !== 0) throw new RangeError('a raw ECDSA signature has two equal halves');
  const half = raw.length / 2;
  const r = leadingZeros(raw, 0, half);
  const s = leadingZeros(raw, half, raw.length);
  const rLength = half - r + pad(raw, r);
  const sLength = raw.length - s + pad(raw, s);
  // Both curves give less than 128 octets, so every length is one octet.
  const der = Buffer.alloc(6 + rLength + sLength);
  der[0] = TAG.sequence;
  der[1] = 4 + rLength + sLength;
  der[2] = TAG.integer;
  der[3] = rLength;
  der.set(raw.subarray(r, half), 4 + pad(raw, r));
  der[4 + rLength] = TAG.integer;
  der[5 + rLength] = sLength;
  der.set(raw.subarray(s), 6 + rLength + pad(raw, s));
  return der;
}

/** Strict inverse of `derFromRaw`: anything but the one DER form of two integers of at most `half` octets is a MalformedDer. */
export function rawFromDer(der: Uint8Array, half: number): Buffer {
  const outer = new DerReader(der);
  const pair = outer.enter(TAG.sequence);
  outer.end();
  const raw = Buffer.alloc(2 * half);
  for (const end of [half, 2 * half]) {
    const integer = pair.unsigned();
    if (integer.length > half) throw new MalformedDer('an integer too long for the curve');
    raw.set(integer, end - integer.length);
  }
  pair.end();
  return raw;
}

/** Index of the first octet in [from, to) that counts; the last one always does. */
function leadingZeros(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to - 1 && bytes[at] === 0) at++;
  return at;
}

/** 1 when the octet would make the integer negative. */
function pad(bytes: Uint8Array, at: number): 0 | 1 {
  return ((bytes[at] ?? 0) & 0x80) === 0 ? 0 : 1;
}
