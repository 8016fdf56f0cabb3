import { randomBytes } from 'node:crypto';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** 20 bytes in base 62. */
const LENGTH = 27;
const RANDOM_BYTES = 14;

export const CONFIG_VERSION_PATTERN = /^[0-9A-Za-z]{27}$/;

/**
 * An id of 27 characters, 48 bits of milliseconds and 112 random bits, that sorts as text after each one made earlier; also
 * after `previous` (empty: none) when the clock has gone back since.
 */
export function nextConfigVersion(now: number, previous: string): string {
  const time = Math.max(now, previous === '' ? 0 : timeOf(previous) + 1);
  const bytes = Buffer.alloc(6 + RANDOM_BYTES);
  bytes.writeUIntBE(time, 0, 6);
  randomBytes(RANDOM_BYTES).copy(bytes, 6);
  let rest = BigInt(`0x${bytes.toString('hex')}`);
  let text = '';
  for (let i = 0; i < LENGTH; i++) {
    text = ALPHABET.charAt(Number(rest % 62n)) + text;
    rest /= 62n;
  }
  return text;
}

/** When a version was made, milliseconds since the epoch. */
function timeOf(version: string): number {
  let value = 0n;
  for (const character of version) value = value * 62n + BigInt(ALPHABET.indexOf(character));
  return Number(value >> BigInt(RANDOM_BYTES * 8));
}
