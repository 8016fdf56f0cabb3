import { DerReader, MalformedDer, TAG } from './der.js';

/** Octets of a SEQUENCE and of two INTEGERs but for their content; both curves give less than 128, so every length is one octet. */
const HEADERS = 6;

/** ECDSA signature r||s (two halves of equal length) as X.509 wants it: SEQUENCE of two minimal, non-negative integers. */
export function derFromRaw(raw: Uint8Array): Buffer {
  const der = Buffer.alloc(derLengthOfRaw(raw));
  writeDerOfRaw(raw, der, 0);
  return der;
}

/** Length of `derFromRaw`. */
export function derLengthOfRaw(raw: Uint8Array): number {
  if (raw.length === 0 || raw.length % 2 !== 0) throw new RangeError('a raw ECDSA signature has two equal halves');
  const half = raw.length / 2;
  return HEADERS + integerLength(raw, 0, half) + integerLength(raw, half, raw.length);
}

/** Writes `derFromRaw` at `at`. */
export function writeDerOfRaw(raw: Uint8Array, out: Uint8Array, at: number): void {
  const half = raw.length / 2;
  out[at] = TAG.sequence;
  out[at + 1] = derLengthOfRaw(raw) - 2;
  writeInteger(raw, half, raw.length, out, writeInteger(raw, 0, half, out, at + 2));
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

/** Octets of the integer in [from, to), with the zero that keeps it from being negative. */
function integerLength(bytes: Uint8Array, from: number, to: number): number {
  const first = firstThatCounts(bytes, from, to);
  return to - first + pad(bytes, first);
}

/** Returns where the next element begins. */
function writeInteger(bytes: Uint8Array, from: number, to: number, out: Uint8Array, at: number): number {
  const length = integerLength(bytes, from, to);
  out[at] = TAG.integer;
  out[at + 1] = length;
  let place = at + 2;
  const first = firstThatCounts(bytes, from, to);
  if (pad(bytes, first) === 1) out[place++] = 0;
  for (let i = first; i < to; i++) out[place++] = bytes[i] ?? 0;
  return place;
}

/** Index of the first octet in [from, to) that is not a needless zero; the last one always counts. */
function firstThatCounts(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to - 1 && bytes[at] === 0) at++;
  return at;
}

/** 1 when the octet would make the integer negative. */
function pad(bytes: Uint8Array, at: number): 0 | 1 {
  return ((bytes[at] ?? 0) & 0x80) === 0 ? 0 : 1;
}
