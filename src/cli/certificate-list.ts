import { SpirlError } from '../runtime/errors.js';

/** Splits concatenated DER certificates. Throws INVALID_REQUEST when it is not a sequence of whole DER values. */
export function splitCertificates(der: Uint8Array): Buffer[] {
  const bytes = Buffer.from(der.buffer, der.byteOffset, der.byteLength);
  const found: Buffer[] = [];
  let at = 0;
  while (at < bytes.length) {
    const end = at + lengthOfValue(bytes.subarray(at));
    if (end > bytes.length) throw broken();
    found.push(bytes.subarray(at, end));
    at = end;
  }
  return found;
}

/** Bytes of the DER SEQUENCE that `bytes` begin with, its header included. */
function lengthOfValue(bytes: Buffer): number {
  const first = bytes[1];
  if (bytes[0] !== 0x30 || first === undefined) throw broken();
  if (first < 0x80) return 2 + first;
  const width = first & 0x7f;
  if (width === 0 || width > 4 || bytes.length < 2 + width) throw broken();
  return 2 + width + bytes.readUIntBE(2, width);
}

function broken(): SpirlError {
  return new SpirlError('INVALID_REQUEST', 'the endpoint sent certificates that are not DER');
}
