import { createHash } from 'node:crypto';
import { KEYSET_ID_PATTERN } from 'spirl-agent/domain/keyset-state.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import type { ClosesSessions, KeyManager, ReleasesKeys } from '../../domain/key-manager.js';
import type { KeyType, SigningKey } from '../../domain/signing-key.js';
import type { KeyOwner } from '../provider.js';
import { CKM } from './cryptoki.js';
import type { AnswerTo, KeyCall, KeyName, TokenKey } from './token-calls.js';
import { readPublicKey } from './token-public-key.js';

/** Where the digest is made: here, or by the token, which then gets everything that is signed. */
export type Hashing = 'here' | 'token';

/** What is asked of a token; see `Token`. */
export interface AsksToken {
  readonly title: string;
  call<C extends KeyCall>(call: C, signal: AbortSignal): Promise<AnswerTo<C>>;
  close(): Promise<void>;
}

export interface Pkcs11KeyManagerParts {
  readonly token: AsksToken;
  readonly owner: KeyOwner;
  readonly hashing: Hashing;
}

/**
 * Key pairs that are made in a PKCS#11 token and never leave it. CKA_LABEL says whose they are (`spirl <deployment id>`),
 * CKA_ID which (the keyset's id): only such are looked at.
 */
export function createPkcs11KeyManager(parts: Pkcs11KeyManagerParts): KeyManager & ReleasesKeys & ClosesSessions {
  const { token, owner } = parts;
  const label = `spirl ${owner.deploymentId}`;
  const listed = async (signal: AbortSignal): Promise<readonly TokenKey[]> => {
    const keys = (await token.call({ do: 'list', label }, signal)).filter(({ id }) => KEYSET_ID_PATTERN.test(id));
    const twice = keys.find(({ id }, at) => keys.findIndex((other) => other.id === id) !== at);
    if (twice === undefined) return keys;
    throw new SpirlError(
      'KEY_SERVICE_REFUSED',
      `${token.title} has two private keys ${twice.id} with label "${label}"`,
    );
  };
  return {
    custody: 'pkcs11',
    createKey: async (id, type, signal) => {
      const keys = await listed(signal);
      if (keys.some((key) => key.id === id)) throw new SpirlError('ALREADY_EXISTS', `key ${id} exists`);
      signal.throwIfAborted();
      const made = signingKey(await token.call({ do: 'generate', label, id, type }, signal), parts);
      if (made.type === type && made.publicKeySpki.length > 0) return made;
      throw new SpirlError('KEY_SERVICE_REFUSED', `${token.title} made a key that is no usable ${type} key`);
    },
    listKeys: async (signal) => (await listed(signal)).map((key) => signingKey(key, parts)),
    releaseKey: async (id, signal) => {
      await token.call({ do: 'destroy', label, id }, signal);
    },
    close: () => token.close(),
  };
}

interface Algorithm {
  readonly hash: string;
  readonly raw: number;
  readonly hashing: number;
  /** Before the digest, where the mechanism wants it. */
  readonly prefix: Buffer;
  /** Octets of a signature. */
  readonly length: number;
}

const NOTHING = Buffer.alloc(0);
const ALGORITHMS = {
  'EC-P256': { hash: 'sha256', raw: CKM.ECDSA, hashing: CKM.ECDSA_SHA256, prefix: NOTHING, length: 64 },
  'EC-P384': { hash: 'sha384', raw: CKM.ECDSA, hashing: CKM.ECDSA_SHA384, prefix: NOTHING, length: 96 },
  'RSA-2048': {
    hash: 'sha256',
    raw: CKM.RSA_PKCS,
    hashing: CKM.SHA256_RSA_PKCS,
    // DigestInfo of SHA-256 (RFC 8017, 9.2).
    prefix: Buffer.from('3031300d060960864801650304020105000420', 'hex'),
    length: 256,
  },
} as const satisfies Record<KeyType, Algorithm>;

/** A key of the token. Half a pair has no public key: nobody can use it, whoever cleans up can see it. */
function signingKey(key: TokenKey, { token, hashing }: Pkcs11KeyManagerParts): SigningKey {
  const name: KeyName = { label: key.label, id: key.id };
  const { type, spki } = readPublicKey(key.publicKey) ?? { type: 'EC-P256' as const, spki: NOTHING };
  const algorithm: Algorithm = ALGORITHMS[type];
  return {
    id: key.id,
    type,
    publicKeySpki: spki,
    sign: async (data, signal) => {
      const digest = (): Buffer => createHash(algorithm.hash).update(data).digest();
      const what =
        hashing === 'token'
          ? { mechanism: algorithm.hashing, data: Uint8Array.from(data) }
          : { mechanism: algorithm.raw, data: Uint8Array.from(Buffer.concat([algorithm.prefix, digest()])) };
      const signature = await token.call({ do: 'sign', ...name, ...what }, signal);
      if (signature.length === algorithm.length) return signature;
      const odd = `${token.title} signed with ${signature.length} octets, not ${algorithm.length}`;
      throw new SpirlError('KEY_SERVICE_UNAVAILABLE', odd);
    },
  };
}
