import { createDecipheriv, createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Attribute types of PKCS#11 and of SoftHSM 2.6 (`OSAttributes.h`). */
const CKA_CLASS = 0;
const CKA_VALUE = 0x11;
const USER_PIN = 0x8000_5348 + 5;
const CKO_PRIVATE_KEY = 3;

type Attributes = ReadonlyMap<number, number | Buffer>;

/**
 * The scalars of all EC private keys of a SoftHSM 2.6 token, big-endian: what only somebody with the PIN and the token's files can read,
 * and what no PKCS#11 call gives away. `tokens`: the directory of `directories.tokendir`.
 */
export function softHsmScalars(tokens: string, pin: string): readonly Buffer[] {
  return readdirSync(tokens).flatMap((name) => {
    const folder = join(tokens, name);
    const objects = readdirSync(folder).filter((file) => file.endsWith('.object'));
    const sealed = attributesOf(readFileSync(join(folder, 'token.object'))).get(USER_PIN);
    if (!Buffer.isBuffer(sealed)) throw new Error(`${name} has no PIN`);
    const master = masterKey(sealed, pin);
    return objects.flatMap((file) => {
      const attributes = attributesOf(readFileSync(join(folder, file)));
      const value = attributes.get(CKA_VALUE);
      if (attributes.get(CKA_CLASS) !== CKO_PRIVATE_KEY || !Buffer.isBuffer(value)) return [];
      return [decrypted(master, value)];
    });
  });
}

/** `SecureDataManager::login`: eight octets of salt, then what PIN and salt encrypt, which begins with a mark. */
function masterKey(sealed: Buffer, pin: string): Buffer {
  const salt = sealed.subarray(0, 8);
  let key = createHash('sha256').update(salt).update(pin).digest();
  for (let left = 1500 + (salt[7] ?? 0); left > 1; left--) key = createHash('sha256').update(key).digest();
  const opened = decrypted(key, sealed.subarray(8));
  if (opened.subarray(0, 3).toString() !== 'RJR') throw new Error('the PIN does not open the token');
  return opened.subarray(3);
}

function decrypted(key: Buffer, sealed: Buffer): Buffer {
  const cipher = createDecipheriv('aes-256-cbc', key, sealed.subarray(0, 16));
  return Buffer.concat([cipher.update(sealed.subarray(16)), cipher.final()]);
}

/** `ObjectFile::refresh`: a generation, then type, kind and value of each attribute; numbers are 8 octets, big-endian. */
function attributesOf(file: Buffer): Attributes {
  const attributes = new Map<number, number | Buffer>();
  let at = 8;
  const number = (): number => {
    at += 8;
    return Number(file.readBigUInt64BE(at - 8));
  };
  const bytes = (length: number): Buffer => {
    at += length;
    return file.subarray(at - length, at);
  };
  while (at < file.length) {
    const [type, kind] = [number(), number()];
    if (kind === 1) attributes.set(type, bytes(1)[0] ?? 0);
    else if (kind === 2) attributes.set(type, number());
    else if (kind === 3) attributes.set(type, bytes(number()));
    else if (kind === 5) bytes(8 * number());
    else if (kind === 4) bytes(number());
    else throw new Error(`attribute ${type} is of an unknown kind ${kind}`);
  }
  return attributes;
}
