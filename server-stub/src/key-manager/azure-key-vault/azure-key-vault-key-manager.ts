import { createHash } from 'node:crypto';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import type { FindsKeys, KeyManager, ReleasesKeys } from '../../domain/key-manager.js';
import { keyTypeOf, type KeyType, type SigningKey } from '../../domain/signing-key.js';
import type { KeyOwner } from '../provider.js';
import type { KeyVaultApi, VaultAlgorithm, VaultCreateRequest, VaultKey, VaultTags } from './key-vault-api.js';

/** Reserved; an operator's own tags may not begin like this. */
export const RESERVED_PREFIX = 'defakto-';
const TRUST_DOMAIN_TAG = `${RESERVED_PREFIX}trust-domain-id`;
const DEPLOYMENT_TAG = `${RESERVED_PREFIX}deployment-id`;
const KEYSET_TAG = `${RESERVED_PREFIX}keyset-id`;
/** Keys read at the same time at a start. */
const READ_TOGETHER = 8;

interface Algorithm {
  readonly kind: VaultCreateRequest['kind'];
  readonly algorithm: VaultAlgorithm;
  readonly hash: string;
}

const KINDS = {
  'EC-P256': { kind: { curve: 'P-256' }, algorithm: 'ES256', hash: 'sha256' },
  'EC-P384': { kind: { curve: 'P-384' }, algorithm: 'ES384', hash: 'sha384' },
  'RSA-2048': { kind: { rsaBits: 2048 }, algorithm: 'RS256', hash: 'sha256' },
} as const satisfies Record<KeyType, Algorithm>;

export interface AzureKeyVaultKeyManagerParts {
  readonly api: KeyVaultApi;
  readonly owner: KeyOwner;
  /** An operator's own, put on each key. */
  readonly keyTags: VaultTags;
}

/** Keys that are made in the hardware of a Key Vault and never leave it. Found again by their tags. */
export function createAzureKeyVaultKeyManager(
  parts: AzureKeyVaultKeyManagerParts,
): KeyManager & ReleasesKeys & FindsKeys {
  return new AzureKeyVaultKeyManager(parts);
}

class AzureKeyVaultKeyManager implements KeyManager, ReleasesKeys, FindsKeys {
  readonly custody = 'azureKeyVault';
  readonly #parts: AzureKeyVaultKeyManagerParts;

  constructor(parts: AzureKeyVaultKeyManagerParts) {
    this.#parts = parts;
  }

  async createKey(id: string, type: KeyType, signal: AbortSignal): Promise<SigningKey> {
    const { api, owner, keyTags } = this.#parts;
    const name = this.#nameOf(id);
    // The service would add a version to a key that exists.
    if ((await api.key(name, signal)) !== undefined) throw new SpirlError('ALREADY_EXISTS', `key ${id} exists`);
    signal.throwIfAborted();
    const tags = { ...keyTags, ...tagsOf(owner), [KEYSET_TAG]: id };
    const made = await api.createKey({ name, kind: KINDS[type].kind, tags }, signal);
    if (keyTypeOf(made.spki) !== type) {
      throw new SpirlError('KEY_SERVICE_REFUSED', `Azure Key Vault made key ${made.id}, which is of another type`);
    }
    return this.#signingKey(id, type, made);
  }

  async listKeys(signal: AbortSignal): Promise<readonly SigningKey[]> {
    const { api } = this.#parts;
    const entries = await api.listKeys(signal);
    const ours = entries.filter(({ enabled, tags }) => enabled && this.#isOurs(tags));
    const keys: SigningKey[] = [];
    for (let at = 0; at < ours.length; at += READ_TOGETHER) {
      const read = ours.slice(at, at + READ_TOGETHER).map(({ name }) => api.key(name, signal));
      for (const found of await Promise.all(read)) {
        const id = found?.tags[KEYSET_TAG];
        const key = found && id !== undefined ? this.#usable(id, found) : undefined;
        if (key !== undefined) keys.push(key);
      }
    }
    return keys;
  }

  async findKey(id: string, reference: string, signal: AbortSignal): Promise<SigningKey | undefined> {
    const found = await this.#parts.api.key(this.#nameOf(id), signal);
    // A newer version is another key.
    if (found === undefined || found.id !== reference) return undefined;
    return this.#usable(id, found);
  }

  async releaseKey(id: string, signal: AbortSignal): Promise<void> {
    await this.#parts.api.deleteKey(this.#nameOf(id), signal);
  }

  /** Names are of letters, digits and dashes. A deployment's own, so that it never meets another's key. */
  #nameOf(id: string): string {
    return `spirl-${this.#parts.owner.deploymentId}-${id}`.replaceAll(/[^A-Za-z0-9-]/g, '-');
  }

  #isOurs(tags: VaultTags): boolean {
    const wanted = Object.entries(tagsOf(this.#parts.owner));
    return tags[KEYSET_TAG] !== undefined && wanted.every(([key, value]) => tags[key] === value);
  }

  #usable(id: string, key: VaultKey): SigningKey | undefined {
    const type = keyTypeOf(key.spki);
    return type && this.#signingKey(id, type, key);
  }

  #signingKey(id: string, type: KeyType, { id: reference, spki }: VaultKey): SigningKey {
    const { api } = this.#parts;
    const { algorithm, hash } = KINDS[type];
    return {
      id,
      type,
      publicKeySpki: spki,
      reference,
      sign: (data, signal) => api.sign(reference, algorithm, createHash(hash).update(data).digest(), signal),
    };
  }
}

function tagsOf({ trustDomainId, deploymentId }: KeyOwner): VaultTags {
  return { [TRUST_DOMAIN_TAG]: trustDomainId, [DEPLOYMENT_TAG]: deploymentId };
}
