/** Length of a certificate's outer SEQUENCE headers before its version: two of four bytes, as every leaf is longer than 255 bytes. */
const DER_HEADERS = 8;
const VERSION = 5;

/**
 * Serial number, in hex, of the first certificate of an `X509SVIDResponse`: field 1 (svids) and therein field 1 (spiffe_id) and
 * field 2 (x509_svid), in this order, as both protobuf encoders write them. Throws when it is not there.
 */
export function serialOf(message: Buffer): string {
  const svid = field(message, 0, 1);
  const id = field(message, svid.start, 1);
  const certificate = field(message, id.end, 2);
  const serial = certificate.start + DER_HEADERS + VERSION;
  if (message[serial] !== 0x02) throw new Error('no serial number where one is in a leaf certificate');
  return message.toString('hex', serial + 2, serial + 2 + (message[serial + 1] ?? 0));
}

/** Where the content of a length-delimited field lies that begins at `at`. */
function field(bytes: Buffer, at: number, number: number): { readonly start: number; readonly end: number } {
  if (bytes[at] !== ((number << 3) | 2)) throw new Error(`field ${number} is not at ${at}`);
  let length = 0;
  let start = at + 1;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[start++] ?? 0;
    length += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return { start, end: start + length };
  }
}
