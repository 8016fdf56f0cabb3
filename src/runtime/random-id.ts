import { randomInt } from 'node:crypto';

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** `<prefix>` and `length` random characters of a-z, 0-9 (5.2 bits each). */
export function randomId(prefix: string, length = 12): string {
  let id = prefix;
  for (let i = 0; i < length; i++) id += ALPHABET.charAt(randomInt(ALPHABET.length));
  return id;
}
