import { generateKeyPairSync } from 'node:crypto';
import { open, unlink } from 'node:fs/promises';
import { resolve } from 'node:path';
import { SpirlError } from 'spirl-agent/runtime/errors.js';

/** The key by which the agents of a cluster prove that they belong to it. Made here: the server sees the public half only. */
export interface ClusterKeyPair {
  /** PKCS#8, PEM. */
  readonly privateKeyPem: string;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Buffer;
}

export function createClusterKey(): ClusterKeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return {
    privateKeyPem: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    publicKey: publicKey.export({ format: 'der', type: 'spki' }),
  };
}

/**
 * Writes the private key to a new file (0600) before `register` tells the server of the public one, so that no key is
 * registered whose private half could not be kept; removes the file again when the server refuses. No file: no writing.
 */
export async function keepingKey<T>(file: string, key: ClusterKeyPair, register: () => Promise<T>): Promise<T> {
  if (file === '') return register();
  const path = resolve(file);
  await writeNew(path, key.privateKeyPem);
  try {
    return await register();
  } catch (error) {
    await unlink(path).catch(() => {});
    throw error;
  }
}

async function writeNew(path: string, text: string): Promise<void> {
  try {
    const handle = await open(path, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    const reason = code === 'EEXIST' ? 'it exists already' : code;
    throw new SpirlError('INVALID_REQUEST', `the key file ${path} cannot be written: ${reason}`, { cause: error });
  }
}

/** What is shown of a new key: where it was written, or the key itself, this once. */
export function keyText(file: string, key: ClusterKeyPair): string {
  if (file !== '') return `Private key written to ${resolve(file)}\n`;
  return `\nPrivate key (shown only now; the agents of the cluster need it):\n${key.privateKeyPem}`;
}

export function keyJson(file: string, key: ClusterKeyPair): object {
  return file === '' ? { privateKey: key.privateKeyPem } : { keyFile: resolve(file) };
}
