import { createHash } from 'node:crypto';
import { KEYSET_ID_PATTERN } from 'spirl-agent/domain/keyset-state.js';
import { hasCode, SpirlError } from 'spirl-agent/runtime/errors.js';
import {
  KeyServiceThrottled,
  SignedWithAnotherKey,
  type ClosesSessions,
  type KeyManager,
  type ReleasesKeys,
} from '../../domain/key-manager.js';
import type { KeyType, SigningKey } from '../../domain/signing-key.js';
import type { ProviderParts } from '../provider.js';
import type { HashName, KeyService, ServiceKey } from './key-service.js';

type Parts = Pick<ProviderParts, 'owner' | 'rawFromDer'>;
type RawFromDer = Parts['rawFromDer'];

/** Keys in a service of the operator's own. Their ids there begin with the deployment's, so that deployments can share one. */
export function createWebhookKeyManager(
  service: KeyService,
  { owner, rawFromDer }: Parts,
): KeyManager & ReleasesKeys & ClosesSessions {
  const prefix = `${owner.deploymentId}-`;
  const usable = (key: ServiceKey): SigningKey => signingKey(service, key, key.keyId.slice(prefix.length), rawFromDer);
  const listed = async (signal: AbortSignal): Promise<readonly ServiceKey[]> => {
    const keys = await service.listKeys(prefix, signal);
    return keys.filter(({ keyId }) => KEYSET_ID_PATTERN.test(keyId.slice(prefix.length)));
  };
  return {
    custody: 'webhook',
    createKey: async (id, type, signal) => {
      signal.throwIfAborted();
      const key = await service.createKey(prefix + id, type, signal).catch(async (error: unknown) => {
        const lost = hasCode(error, 'KEY_SERVICE_UNAVAILABLE') && !(error instanceof KeyServiceThrottled);
        if (!lost || signal.aborted) throw error;
        // The answer is lost, the key may be there: then it is the one that was asked for.
        const made = (await listed(signal)).find(({ keyId }) => keyId === prefix + id);
        if (made === undefined) throw error;
        return made;
      });
      if (key.type === type) return usable(key);
      throw new SpirlError('KEY_SERVICE_REFUSED', `${service.title} made a key of type ${key.type}, not ${type}`);
    },
    listKeys: async (signal) => (await listed(signal)).map(usable),
    releaseKey: (id, signal) => service.release(prefix + id, signal),
    close: () => service.close(),
  };
}

interface Algorithm {
  readonly digest: string;
  readonly hash: HashName;
  /** Octets of r and of s; absent: no ECDSA, the signature is taken as it comes. */
  readonly half?: number;
}

const ALGORITHMS = {
  'EC-P256': { digest: 'sha256', hash: 'SHA-256', half: 32 },
  'EC-P384': { digest: 'sha384', hash: 'SHA-384', half: 48 },
  'RSA-2048': { digest: 'sha256', hash: 'SHA-256' },
} as const satisfies Record<KeyType, Algorithm>;

function signingKey(
  service: KeyService,
  { keyId, type, publicKeySpki, fingerprint }: ServiceKey,
  id: string,
  rawFromDer: RawFromDer,
): SigningKey {
  const { digest, hash, half }: Algorithm = ALGORITHMS[type];
  return {
    id,
    type,
    publicKeySpki,
    sign: async (data, signal) => {
      const hashed = createHash(digest).update(data).digest();
      const { signature, keyFingerprint } = await service.sign(keyId, hashed, hash, signal);
      if (keyFingerprint !== fingerprint) {
        const what = `${service.title} signed with another key than ${keyId}: ${keyFingerprint}, not ${fingerprint}`;
        throw new SignedWithAnotherKey(what);
      }
      return half === undefined ? signature : rawOf(signature, half, rawFromDer, `${service.title}, key ${keyId}`);
    },
  };
}

/** ECDSA services answer with DER, some with r||s. A DER form of just the raw length does not occur: it would need tiny numbers. */
function rawOf(signature: Uint8Array, half: number, rawFromDer: RawFromDer, title: string): Uint8Array {
  if (signature.length === 2 * half) return signature;
  try {
    return rawFromDer(signature, half);
  } catch (cause) {
    throw unusable(`${title}: the signature is neither DER nor ${2 * half} octets r||s`, cause);
  }
}

// One failed item; the next may be right, and whoever counts failures sees it.
function unusable(what: string, cause?: unknown): SpirlError {
  return new SpirlError('KEY_SERVICE_UNAVAILABLE', what, { cause });
}
