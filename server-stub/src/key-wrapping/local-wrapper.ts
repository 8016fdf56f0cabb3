import { createHash, randomBytes } from 'node:crypto';
import { open, readFile, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { decryptAesGcm, encryptAesGcm } from './aes-gcm.js';
import type { Wrapper } from './wrapper.js';

const NAME = 'local';
const KEK_BYTES = 32;
const NONCE_BYTES = 12;

export interface LocalWrapperOptions {
  /** The KEK file; its directory must exist. */
  readonly kekFile: string;
  /** Whether anything was sealed before: then a missing KEK file is an error and no reason to make a new one. */
  readonly recordsExist: boolean;
}

/**
 * The key-encrypting key is a file (mode 0600), made at first start. Beside the records it protects copies of the records
 * alone, not whoever can read both. Throws INVALID_CONFIG (missing, wrong mode, no key) and STORE_FAILED (cannot be written).
 */
export async function openLocalWrapper({ kekFile, recordsExist }: LocalWrapperOptions): Promise<Wrapper> {
  const kek = (await readKek(kekFile)) ?? (await makeKek(kekFile, recordsExist));
  const id = `sha256:${createHash('sha256').update('spirl-kek-id-v1\0').update(kek).digest('hex').slice(0, 32)}`;
  const associatedData = `spirl-dek-v1 ${id}`;
  return {
    name: NAME,
    kek: id,
    wrap: (dek) => {
      const { nonce, ciphertext } = encryptAesGcm(kek, dek, associatedData);
      return Promise.resolve({ bytes: Buffer.concat([nonce, ciphertext]) });
    },
    unwrap: (wrapped) => {
      const bytes = Buffer.from(wrapped.bytes);
      const encrypted = { nonce: bytes.subarray(0, NONCE_BYTES), ciphertext: bytes.subarray(NONCE_BYTES) };
      const dek = decryptAesGcm(kek, encrypted, associatedData);
      if (dek !== undefined) return Promise.resolve(dek);
      return Promise.reject(
        new SpirlError('STORE_CORRUPT', `a data key wrapped by "${NAME}" with key ${id} was changed`),
      );
    },
  };
}

async function readKek(file: string): Promise<Buffer | undefined> {
  let text: string;
  try {
    const { mode } = await stat(file);
    if ((mode & 0o077) !== 0) {
      throw new SpirlError(
        'INVALID_CONFIG',
        `KEK file ${file} has mode 0${(mode & 0o777).toString(8)}, others may read it: 0600 is required`,
      );
    }
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (!isSystemError(error)) throw error;
    if (error.code === 'ENOENT') return undefined;
    throw new SpirlError('INVALID_CONFIG', `KEK file ${file} cannot be read: ${error.code ?? ''}`, { cause: error });
  }
  const kek = Buffer.from(text.trim(), 'base64');
  if (kek.length === KEK_BYTES) return kek;
  throw new SpirlError(
    'INVALID_CONFIG',
    `KEK file ${file} does not hold a key: ${KEK_BYTES} bytes in base64 are expected`,
  );
}

async function makeKek(file: string, recordsExist: boolean): Promise<Buffer> {
  if (recordsExist) {
    throw new SpirlError(
      'INVALID_CONFIG',
      `KEK file ${file} is missing, but records sealed with it exist; put it back from its backup (a new key could not open them)`,
    );
  }
  const kek = randomBytes(KEK_BYTES);
  try {
    // Durable before the first record is sealed with it.
    const handle = await open(`${file}.new`, 'w', 0o600);
    try {
      await handle.writeFile(`${kek.toString('base64')}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(`${file}.new`, file);
    const directory = await open(dirname(file), 'r');
    await directory.sync().finally(() => directory.close());
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new SpirlError('STORE_FAILED', `KEK file ${file} could not be written: ${error.code ?? ''}`, {
      cause: error,
    });
  }
  return kek;
}

const isSystemError = (error: unknown): error is NodeJS.ErrnoException => error instanceof Error && 'syscall' in error;
