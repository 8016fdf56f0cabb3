import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export interface Encrypted {
  readonly nonce: Buffer;
  /** Ciphertext and tag. */
  readonly ciphertext: Buffer;
}

/** AES-256-GCM under a fresh random nonce. */
export function encryptAesGcm(key: Uint8Array, plaintext: Uint8Array, associatedData: string): Encrypted {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(associatedData));
  const body = cipher.update(plaintext);
  return { nonce, ciphertext: Buffer.concat([body, cipher.final(), cipher.getAuthTag()]) };
}

/** `undefined` when key, nonce, associated data or ciphertext do not belong together. */
export function decryptAesGcm(
  key: Uint8Array,
  { nonce, ciphertext }: Encrypted,
  associatedData: string,
): Buffer | undefined {
  if (nonce.length !== NONCE_BYTES || ciphertext.length < TAG_BYTES) return undefined;
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(associatedData));
  decipher.setAuthTag(ciphertext.subarray(-TAG_BYTES));
  const plaintext = decipher.update(ciphertext.subarray(0, -TAG_BYTES));
  try {
    decipher.final();
    return plaintext;
  } catch {
    plaintext.fill(0);
    return undefined;
  }
}
