import { createPublicKey, type KeyObject } from 'node:crypto';
import type { KeyType } from '../../domain/signing-key.js';
import type { ServiceKey, ServiceSignature } from './key-service.js';

/** More keys than one deployment, or all that share a service, can have. */
const MAX_KEYS = 10_000;

/** An answer that does not follow the contract; `message` completes `… answered with`. */
export class OddAnswer extends Error {}

/** The answer to `POST /keys` for `keyId`. */
export function readCreatedKey(body: Buffer, keyId: string): ServiceKey {
  return keyOf({ ...objectOf(body), key_id: keyId });
}

/** The keys of a `GET /keys` answer whose id begins with `prefix`; what else is there is nobody's business. */
export function readKeys(body: Buffer, prefix: string): readonly ServiceKey[] {
  const { keys } = objectOf(body);
  if (!Array.isArray(keys)) throw new OddAnswer('keys that are no list');
  if (keys.length > MAX_KEYS) throw new OddAnswer(`more than ${MAX_KEYS} keys`);
  return keys.flatMap((entry: unknown) => {
    const fields = fieldsOf(entry);
    const { key_id: keyId } = fields;
    return typeof keyId === 'string' && keyId.startsWith(prefix) ? [keyOf({ ...fields, key_id: keyId })] : [];
  });
}

/** The answer to `POST /keys/{id}/sign`. */
export function readSignature(body: Buffer): ServiceSignature {
  const { signature, key_fingerprint: keyFingerprint } = objectOf(body);
  if (typeof signature !== 'string' || !BASE64.test(signature)) throw new OddAnswer('a signature that is no base64');
  return { signature: Buffer.from(signature, 'base64'), keyFingerprint: fingerprintOf(keyFingerprint) };
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function objectOf(body: Buffer): Readonly<Record<string, unknown>> {
  try {
    return fieldsOf(JSON.parse(body.toString('utf8')));
  } catch {
    throw new OddAnswer('something that is no JSON object');
  }
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new OddAnswer('an odd entry');
  return value as Record<string, unknown>;
}

function keyOf(fields: Readonly<Record<string, unknown>> & { readonly key_id: string }): ServiceKey {
  const publicKey = publicKeyOf(fields['public_key'], fields.key_id);
  return {
    keyId: fields.key_id,
    type: typeOf(publicKey, fields.key_id),
    publicKeySpki: publicKey.export({ type: 'spki', format: 'der' }),
    fingerprint: fingerprintOf(fields['fingerprint']),
  };
}

function fingerprintOf(value: unknown): string {
  if (typeof value !== 'string' || !/^sha256:[0-9a-fA-F]{64}$/.test(value)) {
    throw new OddAnswer('a fingerprint that is not sha256:<64 hexadecimal digits>');
  }
  return value.toLowerCase();
}

function publicKeyOf(pem: unknown, keyId: string): KeyObject {
  // Node takes private keys and certificates too; only what the contract names is right here.
  if (typeof pem === 'string' && /^\s*-----BEGIN PUBLIC KEY-----/.test(pem)) {
    try {
      return createPublicKey(pem);
    } catch {
      // Said below.
    }
  }
  throw new OddAnswer(`a public key of ${keyId} that is no PEM PUBLIC KEY`);
}

function typeOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject, keyId: string): KeyType {
  const { namedCurve, modulusLength } = asymmetricKeyDetails ?? {};
  if (asymmetricKeyType === 'ec' && namedCurve === 'prime256v1') return 'EC-P256';
  if (asymmetricKeyType === 'ec' && namedCurve === 'secp384r1') return 'EC-P384';
  if (asymmetricKeyType === 'rsa' && modulusLength === 2048) return 'RSA-2048';
  throw new OddAnswer(`a public key of ${keyId} that is of no type known here`);
}
