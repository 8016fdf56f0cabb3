import { SpirlError } from '../runtime/errors.js';

/** Longer than any SPIFFE ID or URL that names an audience. */
const MAX_BYTES = 2048;

/** Throws INVALID_REQUEST naming `field` unless `value` can be an audience. */
export function requireAudience(field: string, value: string): void {
  if (value === '') throw new SpirlError('INVALID_REQUEST', `${field}: must not be empty`);
  if (Buffer.byteLength(value) > MAX_BYTES) {
    throw new SpirlError('INVALID_REQUEST', `${field}: at most ${MAX_BYTES} bytes`);
  }
}
